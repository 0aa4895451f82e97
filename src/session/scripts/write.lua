-- Replaces the document if the session is live at the version that the writer read.
-- KEYS: session. ARGV: expected version, document, expires.
local record = read_record(KEYS[1])
if record.state == 'revoked' then
  return { 'revoked' }
end
if record.state ~= 'live' then
  return { 'absent' }
end
if record.version ~= ARGV[1] then
  return { 'conflict', record.version }
end
if record.expires ~= ARGV[3] then
  return { 'other_expires' }
end
redis.call('HSET', KEYS[1], 'document', ARGV[2])
return { 'written', redis.call('HINCRBY', KEYS[1], 'version', 1) }
