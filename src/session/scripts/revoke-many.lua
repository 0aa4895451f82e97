-- Ends the sessions of an index: all of them, or with `upTo` a batch of those that are scored no higher.
-- KEYS: index, audit. given: cause, the note ended; subject, where only this subject's are meant; upTo and batch.
-- Answers how many it ended, and whether it came to the end of the index.
local members
if given.upTo then
  members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', given.upTo, 'LIMIT', 0, given.batch)
else
  members = redis.call('ZRANGE', KEYS[1], 0, -1)
end

local ended, last_id = 0, nil
for _, member in ipairs(members) do
  local record = read_record(session_key(member))
  local is_over = record.state == 'absent' or record.state == 'revoked'
  if is_over then
    leave(KEYS[1], member)
  elseif not given.subject or record.subject == given.subject then
    last_id = end_session(member, record, given.cause, KEYS[2], 'ended')
    -- The record may not tell that it is in this index.
    leave(KEYS[1], member)
    ended = ended + 1
  end
end
remove_leaving()
if last_id then
  trim(KEYS[2], last_id)
end
return { 'done', ended, given.upTo and #members == tonumber(given.batch) and 0 or 1 }
