"""One public name as Markdown: its signature, its docstring, its fields and its methods."""

from __future__ import annotations

import dataclasses
import importlib
import re
from collections.abc import Iterable
from typing import Any, Final

import griffe

from agentcron.domain.spec import JobSpec
from agentcron.domain.spec_fields import write_spec
from agentcron.schedule import CronSchedule

_LONG: Final = 100
_HELP: Final = {field.name: field.metadata["help"] for field in dataclasses.fields(JobSpec)}
# As JSON and the command show them: "1h" says more than timedelta(seconds=3600).
_DEFAULTS: Final = write_spec(JobSpec(name="-", schedule=CronSchedule("@daily"), prompt="-"))


def named(what: griffe.Class | griffe.Function, path: str, *, contract: griffe.Class | None = None) -> str:
    """The part of a page that tells one name, which is imported as ``path``.

    What a class does as its contract says is told there, unless it has words of its own.
    """
    head = f"## {what.name}\n\n`{path}`\n"
    if isinstance(what, griffe.Function):
        return "\n".join([head, _code(_signature(what)), text_of(what)])
    parts = [head, *([_code(made)] if (made := _made(what)) else []), text_of(what)]
    fields, methods = _members(what, contract)
    if _is_enum(what):
        parts.append(_table(("value", "meaning"), ((f"`{one.name}`", _line(one)) for one in fields)))
    elif fields:
        rows = [_field(what, one) for one in fields]
        heads = ("field", "type", "default", "meaning")
        kept = [n for n in range(4) if n < 2 or any(row[n] for row in rows)]
        parts.append(_table([heads[n] for n in kept], ([row[n] for n in kept] for row in rows)))
    if contract is not None:
        parts.append(f"It keeps the contract of `{contract.name}`, which tells the methods.\n")
    sentences = [one.name for one in methods if one.name.startswith("test_")]
    if sentences:
        parts.append("What it holds to:\n")
        parts.append("\n".join(f"- {one.removeprefix('test_').replace('_', ' ')}" for one in sentences) + "\n")
    told = [one for one in methods if one.name not in sentences]
    parts.extend(f"### {one.name}\n\n{_code(_signature(one))}\n{text_of(one)}" for one in told)
    return "\n".join(parts)


def text_of(what: griffe.Object) -> str:
    """The docstring as Markdown."""
    if what.docstring is None:
        return ""
    text = re.sub(r"``(.+?)``", r"`\1`", what.docstring.value)
    return _fenced(text) + "\n"


def _fenced(text: str) -> str:
    """Literal blocks, which a line ending in ``::`` announces, in fences; Google style arguments as a list."""
    lines: list[str] = []
    literal = False
    for line in text.splitlines():
        if literal and line and not line.startswith("    "):
            lines[-1:] = ["```", ""]
            literal = False
        if line.endswith("::"):
            lines += [line[:-1], "", "```python"] if line != "::" else ["```python"]
            literal = True
        elif line == "Args:":
            lines.append("Arguments:\n")
        elif not (literal and not line and lines[-1] == "```python"):
            argument = re.fullmatch(r"    (\w+): (.*)", line)
            lines.append(
                line[4:] if literal else f"- `{argument[1]}`: {argument[2]}" if argument else line.replace("    ", "  ")
            )
    return "\n".join([*lines, "```"] if literal else lines)


def _members(what: griffe.Class, contract: griffe.Class | None) -> tuple[list[griffe.Attribute], list[griffe.Function]]:
    """Public fields and methods, with those of private bases; microsecond twins of datetime methods are left out."""
    fields: list[griffe.Attribute] = []
    methods: list[griffe.Function] = []
    inherited = {name: one for name, one in what.inherited_members.items() if _is_private_base(one)}
    for name, one in {**what.members, **inherited}.items():
        one = one.final_target if isinstance(one, griffe.Alias) else one
        told_there = contract is not None and name in contract.all_members and one.docstring is None
        if name.startswith("_") or told_there or name.endswith("_us"):
            continue
        if isinstance(one, griffe.Function):
            methods.append(one)
        elif isinstance(one, griffe.Attribute) and _is_told(what, one):
            fields.append(one)
    return fields, methods


def _is_private_base(one: Any) -> bool:
    return one.final_target.parent.name.startswith("_")


def _is_told(what: griffe.Class, one: griffe.Attribute) -> bool:
    """A field of a dataclass, a property, an enum's value; of other classes what has a docstring."""
    return "property" in one.labels or _is_dataclass(what) or _is_enum(what) or one.docstring is not None


def _is_enum(what: griffe.Class) -> bool:
    return any(str(base).endswith("Enum") for base in what.bases)


def _is_dataclass(what: griffe.Class) -> bool:
    return "dataclass" in what.labels


def _field(what: griffe.Class, one: griffe.Attribute) -> tuple[str, str, str, str]:
    spec = what.name == "JobSpec"
    meaning = _line(one) or (_HELP.get(one.name, "") if spec or what.name == "Job" else "")
    default = ""
    if spec:
        default = "" if one.name in ("name", "schedule", "prompt") else _shown(_DEFAULTS[one.name])
    elif "property" in one.labels:
        default = ""
    elif one.value is not None:
        value = _value(one, str(one.value))
        default = f"`{value}`" if value else ""
    return f"`{one.name}`", f"`{_cell(str(one.annotation or ''))}`", default, meaning


def _shown(value: Any) -> str:
    if isinstance(value, dict) and value:
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return "" if value is None or value in ({}, []) else f"`{value}`"


def _line(one: griffe.Object) -> str:
    return _cell(" ".join(text_of(one).split()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _value(one: griffe.Object, text: str) -> str:
    """The text of a default; a name of the module is told by its value, ``field(...)`` by what it gives."""
    if text.startswith("field("):
        given = re.search(r"\bdefault(?:_factory)?=([^,()]+(?:\(\))?)", text)
        return {"dict": "{}", "list": "[]"}.get(given[1], given[1]) if given else ""
    if re.fullmatch(r"_?[A-Z][A-Z_]+", text):
        value = getattr(importlib.import_module(one.module.path), text)
        return repr(value)
    return text


def _made(what: griffe.Class) -> str:
    """How an instance is made, where a caller makes one."""
    if _is_enum(what) or any("Protocol" in str(base) for base in what.bases):
        return ""
    if any("Error" in str(base) or "Exception" in str(base) for base in what.bases) and "__init__" not in what.members:
        return ""
    init = what.members.get("__init__")
    if not isinstance(init, griffe.Function) or _is_dataclass(what):
        return ""
    return _joined(what.name, init, "")


def _signature(what: griffe.Function) -> str:
    word = "async " if "async" in what.labels else ""
    return word + _joined(what.name, what, f" -> {what.returns}" if what.returns is not None else "")


def _joined(name: str, what: griffe.Function, returns: str) -> str:
    parts = list(_parameters(what))
    line = f"{name}({', '.join(parts)}){returns}"
    return line if len(line) <= _LONG else f"{name}(\n    " + ",\n    ".join(parts) + f",\n){returns}"


def _parameters(what: griffe.Function) -> Iterable[str]:
    kinds = griffe.ParameterKind
    before: griffe.ParameterKind | None = None
    own = [one for one in what.parameters if one.name != "self"]
    for one in own:
        if before is kinds.positional_only and one.kind is not kinds.positional_only:
            yield "/"
        if one.kind is kinds.keyword_only and before not in (kinds.keyword_only, kinds.var_positional):
            yield "*"
        stars = {kinds.var_positional: "*", kinds.var_keyword: "**"}.get(one.kind, "")
        told = f"{stars}{one.name}" + (f": {one.annotation}" if one.annotation is not None else "")
        if one.default is not None and not stars:
            told += f" = {_value(what, str(one.default))}"
        yield told
        before = one.kind


def _code(text: str) -> str:
    return f"```python\n{text}\n```\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
