#!lua
-- Keep explanations, each under its request's name, beside what other services keep of the same request.
--
-- KEYS  one a request
-- ARGV  1 lifetime (s), 2 most of one request; then one explanation for each key

for i = 1, #KEYS do
  redis.call('RPUSH', KEYS[i], ARGV[i + 2])
  redis.call('LTRIM', KEYS[i], -tonumber(ARGV[2]), -1)
  redis.call('EXPIRE', KEYS[i], ARGV[1])
end
