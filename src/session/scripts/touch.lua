-- Slides the idle timeout of a session that was not over when it was seen.
-- KEYS: session. ARGV: seen at, idle timeout, retention.
local record = read_record(KEYS[1])
if record.state ~= 'live' then
  return { 'ignored' }
end
local seen, idle = tonumber(ARGV[1]), tonumber(ARGV[2])
local last_seen, expires = tonumber(record.lastSeen), tonumber(record.expires)
if seen <= last_seen or seen >= last_seen + idle or seen >= expires then
  return { 'ignored' }
end
redis.call('HSET', KEYS[1], 'lastSeen', ARGV[1])
redis.call('PEXPIREAT', KEYS[1], math.min(expires, seen + idle) + tonumber(ARGV[3]))
return { 'touched' }
