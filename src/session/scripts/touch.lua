-- Slides the idle timeout of a session that was not over when it was seen.
-- KEYS: session. given: member, seen, idle; the fields that the indexes need, where an earlier answer was `unindexed`:
-- the record was laid out before there were any.
local INDEXED = { 'created', 'subject', 'owner', 'identity', 'provider' }

local record = read_record(KEYS[1])
if record.state ~= 'live' then
  return { 'ignored' }
end
if given.subject and not record.subject then
  for _, name in ipairs(INDEXED) do
    if given[name] then
      redis.call('HSET', KEYS[1], name, given[name])
      record[name] = given[name]
    end
  end
  keep_session(KEYS[1], given.member, record, end_of(record.expires, record.lastSeen))
end
local seen = tonumber(given.seen)
if seen <= tonumber(record.lastSeen) or seen >= end_of(record.expires, record.lastSeen) then
  return { 'ignored' }
end
redis.call('HSET', KEYS[1], 'lastSeen', given.seen)
keep_session(KEYS[1], given.member, record, end_of(record.expires, given.seen))
return { record.subject and 'touched' or 'unindexed' }
