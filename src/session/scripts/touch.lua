-- Slides the idle timeout of a session that was not over when it was seen.
-- KEYS: session. given: member, seen, idle.
local record = read_record(KEYS[1])
if record.state ~= 'live' then
  return { 'ignored' }
end
local seen = tonumber(given.seen)
if seen <= tonumber(record.lastSeen) or seen >= end_of(record.expires, record.lastSeen) then
  return { 'ignored' }
end
redis.call('HSET', KEYS[1], 'lastSeen', given.seen)
keep_session(KEYS[1], given.member, record, end_of(record.expires, given.seen))
return { 'touched' }
