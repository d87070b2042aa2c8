-- Included by other scripts, below the definition of `prefix`. The keys of an entity beside the stream: its pending
-- writes, and the unique values that they claim.
--
-- In ARGV, an entity's pending writes are given by their name, `user:<id>` ('' = unknown), and claims as a list: how
-- many, then the name of the claims and the key of each. The holder of a claim is `entity_id operation_id`.

-- Returns the list of claims at `at`, each as {hash, key}, and the index of the next argument.
local function claims_at(at)
  local claims, next = {}, at + 1 + 2 * tonumber(ARGV[at])
  for i = at + 1, next - 1, 2 do claims[#claims + 1] = {prefix .. ARGV[i], ARGV[i + 1]} end
  return claims, next
end

-- Both as far as it can be: a key that somebody has put in the place of the claims holds nothing.
local function release(claims, holder)
  for _, claim in ipairs(claims) do
    if redis.pcall('HGET', claim[1], claim[2]) == holder then redis.call('HDEL', claim[1], claim[2]) end
  end
end

local function reserve(claims, holder)
  for _, claim in ipairs(claims) do redis.pcall('HSETNX', claim[1], claim[2], holder) end
end

-- Returns the `claims` that are not among `others`.
local function without(claims, others)
  local left = {}
  for _, claim in ipairs(claims) do
    local shared = false
    for _, other in ipairs(others) do shared = shared or (claim[1] == other[1] and claim[2] == other[2]) end
    if not shared then left[#left + 1] = claim end
  end
  return left
end

-- The field `user` is for builds before schema 2, which run beside this build during an upgrade and know no `entity`.
local function keep_operation(operation_id, resource, entity_id, version, command)
  redis.call('HSET', prefix .. 'op:' .. operation_id, 'resource', resource, 'entity', entity_id, 'user', entity_id,
    'version', version, 'command', command)
end

-- Returns the copy of a pending write: `version command payload`. Its conditions follow the command, each as
-- `;name=value` with the name that it has in the entry. A build without conditions then sees the command of another
-- build.
local function pending_write(version, command, payload, if_match, if_none_match, expires_at)
  local on = ''
  if if_match and if_match ~= '' then on = ';if_match=' .. if_match end
  if if_none_match and if_none_match ~= '' then on = on .. ';if_none_match=' .. if_none_match end
  if expires_at and expires_at ~= '' then on = on .. ';expires_at=' .. expires_at end
  return version .. ' ' .. command .. on .. ' ' .. payload
end

local function forget_pending(name, operation_id)
  if name == '' then return end
  local pending = prefix .. name
  local last = redis.call('HGET', pending, 'last')
  if last == operation_id and redis.call('HLEN', pending) == 2 then -- only this write and `last`: the usual case
    redis.call('DEL', pending)
    return
  end
  redis.call('HDEL', pending, operation_id)
  if last ~= operation_id then return end
  local left, latest, newest = redis.call('HGETALL', pending), nil, -1
  for i = 1, #left, 2 do
    local version = left[i] ~= 'last' and tonumber(string.match(left[i + 1], '^(%d+) ')) or -1
    if version > newest then latest, newest = left[i], version end
  end
  if latest then redis.call('HSET', pending, 'last', latest) else redis.call('DEL', pending) end
end
