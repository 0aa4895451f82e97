-- Turns whatever is stored into a tombstone.
-- KEYS: session, audit. given: member, cause, the note ended.
local record = read_record(KEYS[1])
if record.state == 'absent' then
  return { 'absent' }
end
if record.state == 'revoked' then
  return { 'already_revoked' }
end
local id = end_session(given.member, record, given.cause, KEYS[2], 'ended')
remove_leaving()
trim(KEYS[2], id)
return { 'revoked', record.hint }
