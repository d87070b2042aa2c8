-- Included by other scripts, below their `prefix`. Idempotency-Keys: the record of a key while it matters here, and for a
-- key's whole lifetime the trace that it was used, after which the database is asked what for.

-- How long a record stays when its operation is over (s): longer than the retries of a client usually take.
local KEY_RECORD_S = 300

-- Traces are bits, one for a key, in bitmaps that are made when they are used. A bitmap has a half for this lifetime, one
-- for the last, which take turns, and at its end the number of the lifetime that it is in. A bit that another key left
-- costs a question to the database, and nothing else: with 100 keys a second, one new key in 15. No failure here may fail
-- a write that was taken: its key is in doubt then.
local BITS = 32000
local NUMBER_AT = tostring(2 * BITS)

-- `more`: fields and values.
local function keep_key(record, body_hash, operation_id, entity_id, version, more)
  redis.call('HSET', record, 'body', body_hash, 'operation', operation_id, 'entity', entity_id, 'user', entity_id,
    'version', version, unpack(more or {}))
end

-- The operation is over: from soon on the database answers.
local function key_ended(key_hash)
  if key_hash ~= '' then redis.pcall('EXPIRE', prefix .. 'key:' .. key_hash, KEY_RECORD_S, 'LT') end
end

-- Leave the trace of a key that is used now. Returns whether it may have had one.
local function use_key(key_hash, lifetime_s, now_us)
  local lifetime, name = math.floor(now_us / 1000000 / lifetime_s), prefix .. 'keys_used:' .. string.sub(key_hash, 1, 3)
  local bit = (tonumber(string.sub(key_hash, 4, 9), 16) or 0) % BITS
  local function mark()
    local half = lifetime % 2 * BITS
    return redis.pcall('BITFIELD', name, 'SET', 'u32', NUMBER_AT, lifetime,
      'SET', 'u1', half + bit, 1, 'GET', 'u1', BITS - half + bit)
  end
  local old = mark()
  if old.err then return true end
  local was = old[1]
  if was == lifetime then return old[2] == 1 or old[3] == 1 end
  if was > lifetime then -- the clock went back, or keys live longer now
    lifetime = was
    mark()
    return true
  end
  -- The first key of a lifetime: a half is of the one before the last, or both are.
  local next_one = was == lifetime - 1
  local at, size = next_one and lifetime % 2 * BITS / 8 or 0, next_one and BITS / 8 or BITS / 4
  local cleared = redis.pcall('SETRANGE', name, at, string.rep('\0', size))
  mark()
  redis.pcall('EXPIRE', name, 2 * lifetime_s)
  return type(cleared) == 'table' or (next_one and old[3] == 1)
end
