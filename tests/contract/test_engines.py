"""Every engine passes the one contract suite."""

from agentcron.engine.local import LocalEngine
from agentcron.engine.runner import Runner
from agentcron.engine.settler import Settler
from agentcron.observability import Log, get_logger
from agentcron.ports import Engine
from agentcron.redaction import Redactor
from agentcron.testing import EngineBench, EngineContract


class TestLocal(EngineContract):
    async def make_engine(self, bench: EngineBench) -> Engine:
        log = Log(get_logger("test"), "engine")
        runner = Runner(bench.storage, bench.factory, bench.clock, Redactor({}), log)
        settler = Settler(bench.storage, bench.clock, log)
        return LocalEngine(bench.storage, runner, settler, bench.clock, bench.node, bench.places, log)
