-- Replaces the document if the session is live at the version that the writer read.
-- KEYS: session, audit. given: ref, version, nextVersion, document, expires, identity, the note written.
local record = read_record(KEYS[1])
if record.state == 'revoked' then
  return { 'revoked' }
end
if record.state ~= 'live' then
  return { 'absent' }
end
if record.version ~= given.version then
  return { 'conflict', record.version }
end
if record.expires ~= given.expires then
  return { 'other_expires' }
end
if record.identity and record.identity ~= given.identity then
  return { 'other_identity' }
end
local id = append(KEYS[2], 'written', given.ref, record, given.version, given.nextVersion)
redis.call('HSET', KEYS[1], 'document', given.document, 'version', given.nextVersion)
trim(KEYS[2], id)
return { 'written' }
