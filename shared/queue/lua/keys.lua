-- Included by other scripts, below their `prefix`. Idempotency-Keys: the record of a key while it matters here, and for a
-- key's whole lifetime the trace that it was used, after which the database is asked what for.

-- How long a record stays when its operation is over (s): longer than the retries of a client usually take.
local KEY_RECORD_S = 300

-- Traces are bits, one for a key, in a bitmap for each lifetime, of which the last two count. A bitmap is in blocks, made
-- whole with a last bit of their own. A bit that another key left costs a question to the database, and nothing else: with
-- 100 keys a second, one new key in 15. No failure here may fail a write that was taken: its key is in doubt then.
-- Three bitmaps take turns: one is gone when its turn comes again.
local BITS, TURNS = 31999, 3

local function keep_key(record, body_hash, operation_id, entity_id, version)
  redis.call('HSET', record, 'body', body_hash, 'operation', operation_id, 'entity', entity_id, 'user', entity_id,
    'version', version)
end

-- The operation is over: from soon on the database answers.
local function key_ended(key_hash)
  if key_hash ~= '' then redis.pcall('EXPIRE', prefix .. 'key:' .. key_hash, KEY_RECORD_S, 'LT') end
end

-- Leave the trace of a key that is used now. Returns whether it had one.
local function use_key(key_hash, lifetime_s, now_us)
  local lifetime, name = math.floor(now_us / 1000000 / lifetime_s), prefix .. 'keys_used:' .. string.sub(key_hash, 1, 3) .. ':'
  local now, before = name .. lifetime % TURNS, name .. (lifetime - 1) % TURNS
  local bit = tostring((tonumber(string.sub(key_hash, 4, 9), 16) or 0) % BITS)
  local old = redis.pcall('BITFIELD', now, 'SET', 'u1', BITS, '1', 'SET', 'u1', bit, '1')
  if old.err or old[2] == 1 then return true end
  if old[1] == 0 then redis.pcall('EXPIRE', now, 2 * lifetime_s) end
  local earlier = redis.pcall('BITFIELD', before, 'GET', 'u1', bit)
  return earlier.err ~= nil or earlier[1] == 1
end
