-- Included by other scripts. Claims of unique values in a queue with several partitions (claims.py): a hash maps each
-- value to `entity_id operation_id until operation_id until ...`, all operations that claim it; they belong to one
-- entity.

-- Returns entity_id, {operation_id, until, ...}; nil if nothing claims the value.
local function claim_of(hash, key)
  local held = redis.call('HGET', hash, key)
  if not held then return nil end
  local words = {}
  for word in string.gmatch(held, '%S+') do words[#words + 1] = word end
  return table.remove(words, 1), words
end

local function keep_claim(hash, key, entity_id, operations)
  if #operations == 0 then
    redis.call('HDEL', hash, key)
  else
    redis.call('HSET', hash, key, entity_id .. ' ' .. table.concat(operations, ' '))
  end
end

-- Returns the index of an operation in `operations`, or nil if it is not there.
local function position(operations, operation_id)
  for i = 1, #operations, 2 do
    if operations[i] == operation_id then return i end
  end
end
