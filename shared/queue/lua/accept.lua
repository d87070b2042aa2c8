#!lua
-- Accept writes: decide on each write in order and record it, all in one atomic step.
--
-- KEYS  1 write stream, 2 clock, then every other key that the script may touch (names.py)
-- ARGV  1 key prefix, 2 version floor, 3 whether the floor is the database's current one ('' = no),
--       4 lifetime of an Idempotency-Key (s), 5 most pending writes of one entity, then per write 16 values ('' = none)
--       and the write's claims (see entities.lua):
--       operation_id resource entity_id pending command payload key_hash body_hash busy_ms if_match request_id
--       traceparent notify expires_at if_none_match build claims
-- Returns per write: {"accepted" | "repeated" | "reused" | "busy" | "backlog" | "taken", operation_id, entity_id,
--   version}, and some have a fifth value: "unsure" after "accepted" if the key may have been used before by an unknown
--   operation; "unsure" after "reused" if the operation that used the key was accepted as "unsure"; after "taken" the
--   index, from 0, of the claim that is taken;
--   or {"failed" | "unknown", operation_id, entity_id, '', error}: this write alone raised an error, before ("failed")
--   or after ("unknown") its entry was added. Last {"mended", entries}, if entries with implausible ids were moved.
--   Or only "no_clock": the highest version so far is unknown and the floor is not the database's; or only "closed":
--   the queue is used in another number of partitions (agreement.py). Nothing was done then.
--
-- `maxmemory` cannot refuse a command halfway: Redis checks memory before it runs a script.

-- include info.lua
-- include clock.lua

local stream, clock = KEYS[1], KEYS[2]
local prefix, floor, key_ttl_s, pending_max = ARGV[1], believed(ARGV[2]) or 0, ARGV[4], tonumber(ARGV[5])
local WIDTH, FIRST = 16, 6
is_of(prefix)

-- include entities.lua
-- include keys.lua

local BUSY_MAX_US = 60000000 -- the longest `Prefer: wait`; a time further ahead means that the clock was set back

local keys_since = tonumber(redis.call('GET', prefix .. 'keys_since') or '') or math.huge
local sure = keys_since + tonumber(key_ttl_s) * 1000000 <= now_us or keys_since == 0

if is_closed(clock) then return 'closed' end
local newest = newest_given(clock, stream, floor)
if not newest and ARGV[3] == '' then return 'no_clock' end
newest = math.max(newest or 0, floor)

local moved, added = 0, false
local VERSION_AT = 10 -- index of the version among the fields

-- Add an entry under the next version. Returns the version.
local function append(fields)
  for try = 1, 2 do
    local version = next_version(newest)
    if version >= VERSION_MAX then error('no version is left below 2^53') end
    fields[VERSION_AT] = string.format('%.0f', version)
    local done = redis.pcall('XADD', stream, stream_id(version), unpack(fields))
    if type(done) ~= 'table' then
      newest, added = version, true
      return version
    end
    if try == 2 then error(done) end
    local mended
    newest, mended = catch_up(stream, newest) -- the stream's last id is higher: an entry was added by hand
    moved = moved + mended
  end
end

local function repeated(record, body_hash)
  local known = redis.call('HMGET', record, 'body', 'operation', 'entity', 'user', 'version', 'busy_until')
  if not known[1] then return nil end
  local entity_id = known[3] or known[4]
  if known[1] ~= body_hash then return {'reused', known[2], entity_id, known[5]} end
  local busy_us = known[6] and tonumber(known[6]) - now_us or 0
  if busy_us > 0 and busy_us <= BUSY_MAX_US then return {'busy', known[2], entity_id, known[5]} end
  return {'repeated', known[2], entity_id, known[5]}
end

local function accept(at, claims)
  local operation_id, resource, entity_id, pending = ARGV[at], ARGV[at + 1], ARGV[at + 2], prefix .. ARGV[at + 3]
  local command, payload, key_hash, body_hash = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6], ARGV[at + 7]
  local busy_ms, if_match, request_id = ARGV[at + 8], ARGV[at + 9], ARGV[at + 10]
  local traceparent, notify, expires_at, if_none_match = ARGV[at + 11], ARGV[at + 12], ARGV[at + 13], ARGV[at + 14]
  local build = ARGV[at + 15]

  local record = prefix .. 'key:' .. key_hash
  local answer = key_hash ~= '' and repeated(record, body_hash)
  if answer and answer[1] ~= 'reused' then return answer end
  -- The same operation id is the same request, even if its key was forgotten and then reused for another operation.
  local known = redis.call('HMGET', prefix .. 'op:' .. operation_id, 'entity', 'user', 'version')
  if known[3] then return {'repeated', operation_id, known[1] or known[2], known[3]} end
  if answer then
    answer[5] = redis.call('HGET', record, 'unsure') and 'unsure' or nil
    return answer
  end
  for i, claim in ipairs(claims) do
    local holder = redis.call('HGET', claim[1], claim[2])
    if holder and string.sub(holder, 1, #entity_id) ~= entity_id then
      return {'taken', operation_id, entity_id, '', tostring(i - 1)}
    end
  end

  -- `>`, because the field `last` is counted too.
  if redis.call('HLEN', pending) > pending_max then return {'backlog', operation_id, entity_id, ''} end
  local after = redis.call('HGET', pending, 'last')
  -- Before the entry: a trace of a key whose write then fails only makes the database be asked.
  local unsure = key_hash ~= '' and (use_key(key_hash, tonumber(key_ttl_s), now_us) or not sure)
  local fields = {
    'schema', '2', 'resource', resource, 'command', command, 'operation_id', operation_id, 'version', '',
    'entity_id', entity_id, 'payload', payload,
  }
  local function optional(name, value)
    if value and value ~= '' then fields[#fields + 1] = name; fields[#fields + 1] = value end
  end
  optional('build', build)
  optional('after', after)
  optional('if_match', if_match)
  optional('if_none_match', if_none_match)
  optional('body_hash', key_hash ~= '' and body_hash)
  optional('key_hash', key_hash)
  optional('key_unsure', unsure and '1')
  optional('request_id', request_id)
  optional('traceparent', traceparent)
  optional('notify', notify)
  optional('expires_at', expires_at)

  local text = string.format('%.0f', append(fields))
  local kept = pending_write(text, command, payload, if_match, if_none_match, expires_at)
  redis.call('HSET', pending, operation_id, kept, 'last', operation_id)
  keep_operation(operation_id, resource, entity_id, text, command)
  for _, claim in ipairs(claims) do redis.call('HSET', claim[1], claim[2], entity_id .. ' ' .. operation_id) end
  if key_hash ~= '' then
    local more = unsure and {'unsure', '1'} or {}
    if busy_ms ~= '' then
      more[#more + 1] = 'busy_until'
      more[#more + 1] = string.format('%.0f', now_us + tonumber(busy_ms) * 1000)
    end
    keep_key(record, body_hash, operation_id, entity_id, text, more)
    redis.call('EXPIRE', record, key_ttl_s) -- shortened when the operation is over, see keys.lua
  end
  return {'accepted', operation_id, entity_id, text, unsure and 'unsure' or nil}
end

local answers, at = {}, FIRST
while at <= #ARGV do
  added = false
  local claims, next = claims_at(at + WIDTH)
  local fine, answer = pcall(accept, at, claims)
  if not fine then
    local why = type(answer) == 'table' and answer.err or tostring(answer)
    answer = {added and 'unknown' or 'failed', ARGV[at], ARGV[at + 2], '', why}
  end
  answers[#answers + 1] = answer
  at = next
end
redis.call('SET', clock, string.format('%.0f', newest))
if moved > 0 then answers[#answers + 1] = {'mended', moved} end
return answers
