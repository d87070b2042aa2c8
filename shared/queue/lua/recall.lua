#!lua flags=allow-oom
-- Recall a replay ("recalled"): close it, and take its entries that were not delivered to a writer yet off the stream.
-- Or forget its entries that are not on the stream at all ("lost"), while the replay continues. A repeated call returns
-- the same. What is kept beside the stream is cleared as far as it can be, as in settle.lua.
--
-- KEYS  1 write stream, 2 entries that this replay has sent (see replay.lua), then every other key that the script may
--       touch (names.py)
-- ARGV  1 key prefix, 2 group, 3 "recalled" or "lost", then per entry: letter_id entry_id operation_id entity_id
--       pending, the claims of the letter, and its claims before it was edited (see entities.lua)
-- Returns per entry: "recalled" | "lost" | "given" (delivered to a writer, or over; for "lost": still on the stream).

local stream, sent = KEYS[1], KEYS[2]
local prefix, group, wanted = ARGV[1], ARGV[2], ARGV[3]

-- include entities.lua
-- include info.lua

if wanted == 'recalled' then redis.call('HSET', sent, 'closed', '1') end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local given_ms, given_seq = 0, 0
local position = group_of(stream, group)
if position then given_ms, given_seq = parts(position['last-delivered-id']) end

local function taken(entry_id)
  if wanted == 'lost' then return #redis.call('XRANGE', stream, entry_id, entry_id) == 0 end
  local ms, seq = parts(entry_id)
  return (ms > given_ms or (ms == given_ms and seq > given_seq)) and redis.call('XDEL', stream, entry_id) == 1
end

local answers, at = {}, 4
while at <= #ARGV do
  local letter_id, entry_id, operation_id, entity_id = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local pending, answer = ARGV[at + 4], 'given'
  local claims, old_claims
  claims, at = claims_at(at + 5)
  old_claims, at = claims_at(at)
  local was = redis.call('HGET', sent, letter_id)
  if was == wanted then
    answer = wanted
  elseif was ~= 'recalled' and taken(entry_id) then -- a recalled entry is missing too, but not lost
    answer = wanted
    redis.call('HSET', sent, letter_id, wanted)
    if operation_id ~= '' then
      local holder = entity_id .. ' ' .. operation_id
      pcall(forget_pending, pending, operation_id)
      redis.call('DEL', prefix .. 'op:' .. operation_id) -- the table of dead letters holds its state again
      release(without(claims, old_claims), holder)
      reserve(old_claims, holder)
    end
  end
  answers[#answers + 1] = answer
end
return answers
