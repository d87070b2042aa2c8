-- What scripts find around them, as in Redis: `redis`, `cjson`, `cmsgpack`, and globals that cannot be made.
-- Returns a function of the host's functions: start(run, keys, args), compile(text).
return function(host_redis, host_decode, host_encode, host_sha1, null)
  local error, type, ipairs, setmetatable = error, type, ipairs, setmetatable
  local getinfo, rawset, xpcall, loadstring, setfenv = debug.getinfo, rawset, xpcall, loadstring, setfenv
  local char, floor, concat, byte = string.char, math.floor, table.concat, string.byte

  local function failure(text, level)
    -- `return redis.call(...)` leaves no line: Lua 5.1 forgets who called a Lua function last.
    return {err = text, source = '@user_script', line = math.max(1, getinfo(level + 1, 'l').currentline)}
  end

  local scope = {}
  for _, name in ipairs({'string', 'table', 'math', 'assert', 'collectgarbage', 'coroutine', 'error', 'gcinfo', 'getmetatable',
    'ipairs', 'next', 'pairs', 'pcall', 'rawequal', 'rawget', 'rawset', 'select', 'setmetatable',
    'tonumber', 'tostring', 'type', 'unpack', '_VERSION', 'xpcall'}) do scope[name] = _G[name] end
  scope.os = {clock = os.clock}

  -- As before version 7, an error that is a table reaches a script's own pcall as its text.
  local pcall = pcall
  local function outcome(fine, value, ...)
    if not fine and type(value) == 'table' and type(value.err) == 'string' then return false, value.err end
    return fine, value, ...
  end
  scope.pcall = function(...) return outcome(pcall(...)) end
  scope._G = scope

  scope.redis = {
    call = function(...)
      local failed, reply = host_redis(...)
      if failed then error(failure(reply, 2), 0) end
      return reply
    end,
    pcall = function(...)
      local failed, reply = host_redis(...)
      if failed then return failure(reply, 2) end
      return reply
    end,
    error_reply = function(text)
      if byte(text) == 45 then text = text:sub(2) elseif not text:find(' ') then text = 'ERR ' .. text end
      return {err = text}
    end,
    status_reply = function(text) return {ok = text} end,
    sha1hex = function(text) local _, sha = host_sha1(text); return sha end,
    log = function() end,
    setresp = function() end,
    LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3,
  }

  scope.cjson = {
    null = null,
    decode = function(text)
      local failed, value = host_decode(text)
      if failed then error(value, 2) end
      return value
    end,
    encode = function(value)
      local failed, text = host_encode(value)
      if failed then error(text, 2) end
      return text
    end,
  }

  local function head(length, fix, fix_most, codes)
    if length <= fix_most then return char(fix + length) end
    for _, code in ipairs(codes) do
      local width = code[2]
      if length < 256 ^ width then
        local bytes = {char(code[1])}
        for i = width - 1, 0, -1 do bytes[#bytes + 1] = char(floor(length / 256 ^ i) % 256) end
        return concat(bytes)
      end
    end
  end

  -- Lists of strings only.
  scope.cmsgpack = {
    pack = function(list)
      local parts = {head(#list, 0x90, 15, {{0xdc, 2}, {0xdd, 4}})}
      for _, value in ipairs(list) do
        parts[#parts + 1] = head(#value, 0xa0, 31, {{0xd9, 1}, {0xda, 2}, {0xdb, 4}})
        parts[#parts + 1] = value
      end
      return concat(parts)
    end,
  }

  setmetatable(scope, {
    __newindex = function(_, name)
      error("Attempt to modify a readonly table", 2)
    end,
    __index = function(_, name)
      error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
  })

  local function line_of(caught)
    if type(caught) == 'table' and caught.err and not caught.line then caught.line = 0 end
    return caught
  end

  local function start(run, keys, args)
    rawset(scope, 'KEYS', keys)
    rawset(scope, 'ARGV', args)
    local fine, reply = xpcall(run, line_of)
    return fine, reply  -- always two, as a script may return nothing
  end

  local function compile(text)
    local run, why = loadstring(text, '@user_script')
    if run then setfenv(run, scope) end
    return run, why
  end

  return start, compile
end
