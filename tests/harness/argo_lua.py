"""A health script run as Argo CD runs it: Lua 5.1 with tables and comparisons, and none of its libraries.

Facts are those of util/lua in argoproj/argo-cd: the object is the global `obj`, null keys are absent, numbers are
doubles, strings have no methods, a second is all it has, and a word that is no health is an error.
"""

from typing import Any

from lupa.lua51 import LuaRuntime, lua_type  # type: ignore[import-untyped]  # it has no types

WORDS = frozenset({"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"})
LIMIT_S = 1.0
LIMIT = """\
local sethook, clock, limit = debug.sethook, os.clock, ...
local began = clock()
sethook(function() if clock() - began > limit then error("out of time") end end, "", 10000)
getmetatable("").__index = nil
"""
LIBRARIES = ("string", "math", "io", "debug", "coroutine", "os", "python", "require", "dofile", "loadfile")


def health(script: str, manifest: Any) -> tuple[str, str]:  # noqa: ANN401 - any JSON
    """Status and message. Raises ValueError where Argo CD would tell an error."""
    lua = LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    lua.execute(LIMIT, LIMIT_S)
    for library in LIBRARIES:
        lua.globals()[library] = None
    lua.globals().obj = _in_lua(lua, manifest)
    found = lua.execute(script)
    if lua_type(found) != "table" or found["status"] not in WORDS:
        raise ValueError("no health")
    return found["status"], found["message"] or ""


def _in_lua(lua: Any, value: Any) -> Any:  # noqa: ANN401 - Lua's
    if isinstance(value, dict):
        return lua.table_from({name: _in_lua(lua, inner) for name, inner in value.items() if inner is not None})
    if isinstance(value, list):
        return lua.table_from([_in_lua(lua, inner) for inner in value])
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
