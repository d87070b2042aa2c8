-- Included by other scripts: what Redis reports about a stream and its groups.

-- Returns a flat list of names and values as a table.
local function named(info)
  local of = {}
  for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
  return of
end

-- Returns what Redis reports about a group, or nil if the stream has no such group.
local function group_of(stream, name)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  for _, info in ipairs(groups.err and {} or groups) do
    local of = named(info)
    if of.name == name then return of end
  end
end
