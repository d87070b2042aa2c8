-- Included by other scripts, below their `prefix`. What is kept of an entity beside the stream: its pending writes, and
-- the unique values that they claim.
--
-- Among ARGV an entity's pending writes go by their name, `user:<id>` ('' = not known), and a list of claims is: how
-- many, then of each the name of the claims and the key. A claim's holder is `entity_id operation_id`.

-- The list of claims at `at`, as {hash, key} each; and where the next argument is.
local function claims_at(at)
  local claims, next = {}, at + 1 + 2 * tonumber(ARGV[at])
  for i = at + 1, next - 1, 2 do claims[#claims + 1] = {prefix .. ARGV[i], ARGV[i + 1]} end
  return claims, next
end

local function release(claims, holder)
  for _, claim in ipairs(claims) do
    if redis.call('HGET', claim[1], claim[2]) == holder then redis.call('HDEL', claim[1], claim[2]) end
  end
end

local function reserve(claims, holder)
  for _, claim in ipairs(claims) do redis.call('HSETNX', claim[1], claim[2], holder) end
end

-- `claims` without those of `others`.
local function without(claims, others)
  local left = {}
  for _, claim in ipairs(claims) do
    local shared = false
    for _, other in ipairs(others) do shared = shared or (claim[1] == other[1] and claim[2] == other[2]) end
    if not shared then left[#left + 1] = claim end
  end
  return left
end

-- `user` is what builds before schema 2 call an entity, which run beside this one during an upgrade.
local function keep_operation(operation_id, resource, entity_id, version, command)
  redis.call('HSET', prefix .. 'op:' .. operation_id, 'resource', resource, 'entity', entity_id, 'user', entity_id,
    'version', version, 'command', command)
end

-- What is kept of a write on its way: `version command payload`. Conditions on which it is applied follow the command,
-- each as `;name=value`, named as in its entry. To a build that knows no conditions it is a write of another build.
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
  if last == operation_id and redis.call('HLEN', pending) == 2 then -- itself and `last`: the usual case
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
