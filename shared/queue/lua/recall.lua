#!lua flags=allow-oom
-- Take entries of a replay back from the write stream that no writer has been given yet; the replay is closed. Or forget
-- those that are not on the stream at all (`lost`): the replay goes on. Doing it again tells the same.
--
-- KEYS  1 write stream, 2 emails, 3 what this replay has sent (see replay.lua)
-- ARGV  1 key prefix, 2 group, 3 "recalled" or "lost", then per entry: letter_id entry_id operation_id user_id email_key
--       old_email_key
-- Returns per entry: "recalled" | "lost" | "given" (to a writer, or over; when looking for lost ones: still there).

local stream, emails, sent = KEYS[1], KEYS[2], KEYS[3]
local prefix, group, wanted = ARGV[1], ARGV[2], ARGV[3]

if wanted == 'recalled' then redis.call('HSET', sent, 'closed', '1') end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local given_ms, given_seq = 0, 0
local groups = redis.pcall('XINFO', 'GROUPS', stream)
for _, info in ipairs(groups.err and {} or groups) do
  local of = {}
  for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
  if of.name == group then given_ms, given_seq = parts(of['last-delivered-id']) end
end

local function forget_pending(operation_id, user_id) -- as in settle.lua
  local user = prefix .. 'user:' .. user_id
  local last = redis.call('HGET', user, 'last')
  redis.call('HDEL', user, operation_id)
  if last ~= operation_id then return end
  local left, latest, newest = redis.call('HGETALL', user), nil, -1
  for i = 1, #left, 2 do
    local version = left[i] ~= 'last' and tonumber(string.match(left[i + 1], '^(%d+) ')) or -1
    if version > newest then latest, newest = left[i], version end
  end
  if latest then redis.call('HSET', user, 'last', latest) else redis.call('DEL', user) end
end

local function taken(entry_id)
  if wanted == 'lost' then return #redis.call('XRANGE', stream, entry_id, entry_id) == 0 end
  local ms, seq = parts(entry_id)
  return (ms > given_ms or (ms == given_ms and seq > given_seq)) and redis.call('XDEL', stream, entry_id) == 1
end

local answers = {}
for at = 4, #ARGV, 6 do
  local letter_id, entry_id, operation_id, user_id = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local email_key, old_email_key = ARGV[at + 4], ARGV[at + 5]
  local answer = 'given'
  if redis.call('HGET', sent, letter_id) == wanted then
    answer = wanted
  elseif taken(entry_id) then
    answer = wanted
    redis.call('HSET', sent, letter_id, wanted)
    if operation_id ~= '' then
      local holder = user_id .. ' ' .. operation_id
      forget_pending(operation_id, user_id)
      redis.call('DEL', prefix .. 'op:' .. operation_id) -- the table of dead letters tells of it again
      -- The address that the letter claims, as before it was edited.
      if email_key ~= '' and email_key ~= old_email_key and redis.call('HGET', emails, email_key) == holder then
        redis.call('HDEL', emails, email_key)
      end
      if old_email_key ~= '' then redis.call('HSETNX', emails, old_email_key, holder) end
    end
  end
  answers[#answers + 1] = answer
end
return answers
