"""Agents of a definition that ask."""

from __future__ import annotations

from agentcron import RunContext


async def ask(prompt: str, context: RunContext) -> str:
    return f"took {context.ask('Which one?', ['left', 'right'])}"


async def approve(prompt: str, context: RunContext) -> str:
    return "deployed" if context.approve("Deploy to production") else "left alone"
