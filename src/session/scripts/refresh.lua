-- Rotates the refresh token of a session that is not over; an old token ends the session (E10).
-- KEYS: session, audit. given: ref, member, now, idle, presented, successorHash, successor, grace; the notes refreshed and
-- ended. Answers the fields of the session that a read needs, as they are now.
local record = read_record(KEYS[1])
if record.state ~= 'live' then
  return { 'refused' }
end
local family = redis.call('HMGET', KEYS[1], 'refresh', 'refreshed', 'refreshedAt', 'successor', 'document')
local current, used, used_at, successor, document = unpack(family)
local now = tonumber(given.now)
if not current or now >= end_of(record.expires, record.lastSeen) then
  return { 'refused' }
end
if given.presented == current then
  local last_seen = now > tonumber(record.lastSeen) and given.now or record.lastSeen
  local id = append(KEYS[2], 'refreshed', given.ref, record, record.version, record.version)
  redis.call(
    'HSET', KEYS[1], 'refresh', given.successorHash, 'refreshed', current, 'refreshedAt', given.now,
    'successor', given.successor, 'lastSeen', last_seen
  )
  keep_session(KEYS[1], given.member, record, end_of(record.expires, last_seen))
  trim(KEYS[2], id)
  return { 'rotated', false, record.version, document, last_seen }
end
if given.presented == used and whole_number(used_at) and now < tonumber(used_at) + tonumber(given.grace) then
  return { 'repeated', successor, record.version, document, record.lastSeen }
end
local id = end_session(given.member, record, 'refresh_reuse', KEYS[2], 'ended')
remove_leaving()
trim(KEYS[2], id)
return { 'reused' }
