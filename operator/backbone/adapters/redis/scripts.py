"""What is done inside Redis, each in one round trip and at once.

Keys of a namespace, all below it so that a user may be confined to it:

    <ns>:v<schema>:<version>:<dimension>:<tags>:<digest>  an answer: its generations' marks, then rows
    …:loading                          who is loading that answer; it ends by itself
    <ns>:generation::<version>         the mark of the version's present generation
    <ns>:generation:<tag>:<version>    that of what it says of one subject, or of `all`
    <ns>:index                         answers by rank: the lowest goes first
    <ns>:expiries                      answers by the moment that ends them, ms
    <ns>:counts                        what all processes did, and the number of the last use

An answer has the mark of its version and one for each of its tags. If one of them is not the present one, it
is as good as gone: so an invalidation is the deletion of generations, and a load that began before it is not
kept. A generation that was lost is never mistaken for a later one, since every mark is new. The rank is
priority times BAND + number of the use; both are whole and exact in a double.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

MARK_DIGITS = 32
FIRST_GENERATION = 5
"""Keys of FIND and KEEP that come before the generations."""
BAND = 1 << 42
"""Uses of one priority; with priorities up to 1,000 a rank stays below 2**53."""

COMMANDS = (
    "+ping +select +evalsha +eval +time +mget +get +set +del +pttl +pexpire +pexpireat +hincrby +hmget "
    "+zadd +zrem +zscore +zcard +zcount +zrange +zrangebyscore"
)


def rights(namespace: str) -> str:
    """What the user of the cache needs, as rules of an ACL."""
    return f"~{namespace}:* {COMMANDS}"


@dataclass(frozen=True, slots=True)
class Script:
    """A script by its digest; the text is sent where the server does not know it yet."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "digest", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        )

    def run(self, client: redis.Redis, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:  # noqa: ANN401 - each script has an answer of its own
        """What it returns. Raises redis.RedisError."""
        try:
            return client.evalsha(self.digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return client.eval(self.text, len(keys), *keys, *arguments)


_TIME = """
local function present()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""


class Glance:
    """The values of keys, without a script; None for those that are not there."""

    def run(self, client: redis.Redis, keys: Sequence[str], _: Sequence[str | bytes | int] = ()) -> Any:  # noqa: ANN401 - as of a script
        """What they hold. Raises redis.RedisError."""
        # A client's commands do much around these lines, which a hit would feel.
        connection = client.connection_pool.get_connection()
        try:
            connection.send_command("MGET", *keys)  # type: ignore[no-untyped-call]
            return connection.read_response()
        except redis.ConnectionError:
            connection.disconnect()  # type: ignore[no-untyped-call]
        finally:
            client.connection_pool.release(connection)
        # It may have been lost while it lay idle.
        return client.mget(keys)


GLANCE = Glance()

_MARKS = """
local function present_marks()
    local marks = redis.call('MGET', unpack(KEYS, 6))
    for place = 1, #marks do
        if not marks[place] then return false end
    end
    return table.concat(marks)
end
"""

FIND = Script(
    _TIME
    + _MARKS
    + """
local answer, loading, index, expiries, counts = unpack(KEYS)
local mark, load_ms, generation_ms, insists, corrupt = unpack(ARGV)
local held = redis.call('GET', answer)
local current = present_marks()
if held and corrupt == '1' then
    redis.call('DEL', answer)
    redis.call('ZREM', index, answer)
    redis.call('ZREM', expiries, answer)
    held = false
end
if held and current and string.sub(held, 1, #current) == current then
    return held
end
local taken = redis.call('SET', loading, mark, 'NX', 'PX', load_ms)
-- A call whose answer was lost is made again, and finds its own mark.
if not taken and insists == '0' and redis.call('GET', loading) ~= mark then
    return false
end
local expired, evicted = 0, 0
if not held then
    local ends = redis.call('ZSCORE', expiries, answer)
    if ends then
        if tonumber(ends) <= present() then expired = 1 else evicted = 1 end
        redis.call('ZREM', index, answer)
        redis.call('ZREM', expiries, answer)
        redis.call('HINCRBY', counts, expired == 1 and 'expirations' or 'evictions', 1)
    end
end
-- A call that is made again must not bring back a generation that was ended since.
local fresh = string.sub(redis.sha1hex(mark .. table.concat(redis.call('TIME'), '.')), 1, #mark)
for place = 6, #KEYS do
    if not redis.call('SET', KEYS[place], fresh, 'NX', 'PX', generation_ms)
            and redis.call('PTTL', KEYS[place]) < tonumber(generation_ms) then
        redis.call('PEXPIRE', KEYS[place], generation_ms)
    end
end
redis.call('HINCRBY', counts, 'misses', 1)
return {present_marks(), expired, evicted}
"""
)
"""An answer, or false while somebody else loads it, or else the marks to load it for and what was found gone:
expired, evicted by the server itself."""

USED = Script(
    _TIME
    + """
local index, expiries, counts = unpack(KEYS, #KEYS - 2)
-- A server that takes no write still answers: all of this is bookkeeping.
for place = 1, #KEYS - 3 do
    local use = redis.pcall('HINCRBY', counts, 'uses', 1)
    if type(use) ~= 'number' then return 0 end
    if use == 1 then redis.pcall('DEL', index, expiries) end
    redis.pcall('HINCRBY', counts, 'hits', ARGV[2 * place])
    local left = redis.call('PTTL', KEYS[place])
    if left >= 0 and redis.pcall('ZADD', index, ARGV[2 * place - 1] + use, KEYS[place]) == 1 then
        redis.pcall('ZADD', expiries, present() + left, KEYS[place])
    end
end
return 1
"""
)
"""Count hits and give the answers the rank of their last use. Before the shared keys stand the answers, the
one used last at the end; the arguments are a base and a number of hits for each."""

KEEP = Script(
    _TIME
    + _MARKS
    + """
local answer, loading, index, expiries, counts = unpack(KEYS)
local mark, seen, value, ttl_ms, base, most = unpack(ARGV)
local refused, expired, evicted = false, 0, 0
if present_marks() == seen then
    -- First of all writes: a full server lets a script go on that has written before.
    refused = redis.pcall('SET', answer, value)
    if refused.ok then
        refused = false
        local ends = present() + ttl_ms
        redis.call('PEXPIREAT', answer, ends)
        local use = redis.call('HINCRBY', counts, 'uses', 1)
        if use == 1 then redis.call('DEL', index, expiries) end
        redis.call('ZADD', index, base + use, answer)
        redis.call('ZADD', expiries, ends, answer)
        for _ = tonumber(most) + 1, redis.call('ZCARD', index) do
            local over = redis.call('ZRANGEBYSCORE', expiries, '-inf', present(), 'LIMIT', 0, 1)[1]
            local least = over or redis.call('ZRANGE', index, 0, 0)[1]
            redis.call('DEL', least)
            redis.call('ZREM', index, least)
            redis.call('ZREM', expiries, least)
            if over then expired = expired + 1 else evicted = evicted + 1 end
        end
        if expired > 0 then redis.call('HINCRBY', counts, 'expirations', expired) end
        if evicted > 0 then redis.call('HINCRBY', counts, 'evictions', evicted) end
    end
end
if redis.call('GET', loading) == mark then
    redis.call('DEL', loading)
end
return {expired, evicted, refused and refused.err or ''}
"""
)
"""Keep an answer unless one of its generations is over, and make room: how many expired and were evicted, and
why the server refused to keep it."""

RELEASE = Script(
    """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0
"""
)
"""Let somebody else load an answer."""

INVALIDATE = Script(
    """
local index, expiries, counts = unpack(KEYS)
local head, tail = unpack(ARGV)
redis.call('DEL', unpack(KEYS, 4))
local wanted = {}
for place = 3, #ARGV do wanted[ARGV[place]] = true end
local gone = 0
for _, name in ipairs(redis.call('ZRANGE', index, 0, -1)) do
    local schema = string.sub(name, 1, #head) == head and string.match(name, '^%d+', #head + 1)
    local rest = schema and string.sub(name, #head + #schema + 1)
    -- What follows the version is a dimension, tags and a digest: another version may begin with this one.
    local tags = rest and string.sub(rest, 1, #tail) == tail
        and string.match(rest, '^%w+:([%w.]+):%x+$', #tail + 1)
    if tags then
        local meant = #ARGV == 2
        for tag in string.gmatch(tags, '%w+') do meant = meant or wanted[tag] end
        if meant then
            redis.call('DEL', name)
            redis.call('ZREM', index, name)
            redis.call('ZREM', expiries, name)
            gone = gone + 1
        end
    end
end
if gone > 0 then redis.call('HINCRBY', counts, 'invalidations', gone) end
return gone
"""
)
"""End the generations of a version, or of some of its tags, and delete their answers; how many. Generations
come after the shared keys; tags come last, and there are none where the whole version ends."""

HELD = Script(
    _TIME
    + """
local expiries, counts = unpack(KEYS)
local told = redis.call('HMGET', counts, unpack(ARGV))
table.insert(told, 1, redis.call('ZCOUNT', expiries, '(' .. present(), '+inf'))
return told
"""
)
"""How many answers are held, and the counts of these names."""

PROBE = Script(
    _TIME
    + """
local answer, index, counts = unpack(KEYS)
redis.call('GET', answer)
redis.call('MGET', answer)
redis.call('SET', answer, '', 'PX', 1000)
redis.call('PEXPIRE', answer, 1000)
redis.call('PEXPIREAT', answer, present() + 1000)
redis.call('PTTL', answer)
redis.call('HINCRBY', counts, 'probe', 1)
redis.call('HMGET', counts, 'probe')
redis.call('ZADD', index, 1, answer)
redis.call('ZSCORE', index, answer)
redis.call('ZCARD', index)
redis.call('ZCOUNT', index, '-inf', '+inf')
redis.call('ZRANGE', index, 0, 0)
redis.call('ZRANGEBYSCORE', index, '-inf', '+inf', 'LIMIT', 0, 1)
redis.call('ZREM', index, answer)
redis.call('DEL', answer, counts, index)
return 1
"""
)
"""Every command of the others once, on keys of its own."""
