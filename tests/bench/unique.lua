-- For wrk: every request is another user, with an Idempotency-Key of its own. All requests are equally long.
-- Argument: a name for the round, so that no two rounds share a user.

local round, count = "", 0
local template = "POST /users HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
  .. "Content-Length: %d\r\nIdempotency-Key: bench-%s-%09d\r\n\r\n%s"
local DOMAINS = 50 -- most addresses share few domains

function init(arguments)
  round = arguments[1]
end

function request()
  count = count + 1
  local body = string.format('{"name": "User %s %09d", "email": "user.%s.%09d@mail%02d.example.com"}',
    round, count, round, count, count % DOMAINS)
  return string.format(template, #body, round, count, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
