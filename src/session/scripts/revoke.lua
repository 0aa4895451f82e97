-- Turns whatever is stored into a tombstone.
-- KEYS: session. ARGV: cause, now, retention, when the tombstone of a corrupt record is forgotten.
local record = read_record(KEYS[1])
if record.state == 'absent' then
  return { 'absent' }
end
if record.state == 'revoked' then
  return { 'already_revoked' }
end
-- Removing comes first: a store that is out of memory refuses a script whose first write adds.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'revoked', ARGV[1], 'revokedAt', ARGV[2])
local forget_at = ARGV[4]
if record.state == 'live' then
  redis.call('HSET', KEYS[1], 'version', record.version, 'expires', record.expires)
  forget_at = tonumber(record.expires) + tonumber(ARGV[3])
end
redis.call('PEXPIREAT', KEYS[1], forget_at)
return { 'revoked' }
