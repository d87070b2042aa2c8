#!lua
-- Send dead letters again. One replay sends each letter at most once, however often the script is called. One letter's
-- own trouble holds no other one: what is kept beside the stream is kept as far as it can be.
--
-- KEYS  1 write stream, 2 clock, 3 ledger, 4 what this replay has sent: letter -> entry, "recalled" or "lost"; and
--       `closed`; then every other key that the script may touch (names.py)
-- ARGV  1 key prefix, 2 replay, then per letter: letter_id operation_id resource entity_id pending command version
--       payload, the claims of the letter, its claims before it was edited (see entities.lua), count name value ...
--       (the entry's fields)
-- Returns per letter: the id of its entry | "recalled" | "lost" | "closed" (this replay sends nothing any more). Raises
-- CLOSED, and sends nothing, if the partition takes no writes (close.lua).
--
-- A letter without an operation_id holds no write that can be decoded: it is sent, but nothing is kept for it.

-- include info.lua
-- include clock.lua

local stream, clock, ledger, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, replay = ARGV[1], ARGV[2]
is_of(prefix)

-- include entities.lua

local given = newest_given(clock, stream, 0)
local newest = given or 0
local closed = redis.call('HGET', sent, 'closed')
redis.call('HINCRBY', ledger, 'replayed', 0) -- what could not be counted is not sent

-- Add an entry. Returns its id, which is not older than `version`, the version of the write, if that is plausible.
local function append(fields, version)
  local limit = math.max(now_us, newest) + HORIZON_US
  newest = math.max(newest, version <= limit and version - 1 or 0)
  local id = next_version(newest)
  local added = redis.pcall('XADD', stream, stream_id(id), unpack(fields))
  if type(added) ~= 'table' then
    newest = id
    return added
  end
  newest = next_version(catch_up(stream, newest)) -- the stream's last id is higher
  return redis.call('XADD', stream, stream_id(newest), unpack(fields))
end

local function put_back_pending(pending, operation_id, command, version, payload, fields)
  local last = redis.call('HGET', pending, 'last')
  local of_last = last and redis.call('HGET', pending, last)
  local newer = of_last and tonumber(string.match(of_last, '^(%d+) ')) > tonumber(version)
  local of = {}
  for i = 1, #fields, 2 do of[fields[i]] = fields[i + 1] end
  local kept = pending_write(version, command, payload, of.if_match, of.if_none_match, of.expires_at)
  redis.call('HSET', pending, operation_id, kept)
  if not newer then redis.call('HSET', pending, 'last', operation_id) end
end

local function put_back(at, fields)
  local operation_id, resource, entity_id, name = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local command, version, payload = ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
  pcall(put_back_pending, prefix .. name, operation_id, command, version, payload, fields)
  redis.call('DEL', prefix .. 'op:' .. operation_id)
  keep_operation(operation_id, resource, entity_id, version, command)
  return entity_id .. ' ' .. operation_id
end

local answers, at = {}, 3
while at <= #ARGV do
  local letter_id, operation_id, version = ARGV[at], ARGV[at + 1], ARGV[at + 6]
  local claims, after = claims_at(at + 8)
  local old_claims, count_at = claims_at(after)
  local next = count_at + 1 + tonumber(ARGV[count_at])
  local answer = redis.call('HGET', sent, letter_id) or (closed and 'closed')
  if not answer and is_closed(clock) then return redis.error_reply('CLOSED the partition takes no writes') end
  if not answer then
    local fields = {}
    for i = count_at + 1, next - 1 do fields[#fields + 1] = ARGV[i] end
    for _, value in ipairs({'replay', replay, 'letter', letter_id}) do fields[#fields + 1] = value end
    answer = append(fields, believed(version) or 0)
    redis.call('HSET', sent, letter_id, answer)
    redis.call('HINCRBY', ledger, 'replayed', 1)
    if operation_id ~= '' then
      local holder = put_back(at, fields)
      release(without(old_claims, claims), holder)
      reserve(claims, holder)
    end
  end
  answers[#answers + 1] = answer
  at = next
end
redis.call('EXPIRE', sent, 2592000) -- 30 days, in case the end of this replay is never recorded
if given and newest > given then redis.call('SET', clock, string.format('%.0f', newest)) end -- a lost clock stays lost
return answers
