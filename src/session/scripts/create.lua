-- Uses up the proof of identity, makes the session, and ends those whose place it takes: all or nothing.
-- KEYS: session, proof, audit. given: member, the fields of the record (record.ts), idle, proofUntil;
-- replaces and replacesVersion; limit and onExceed; the notes created, superseded and limit.
local RECORD = {
  'ref', 'version', 'document', 'lastSeen', 'expires', 'created', 'subject', 'owner', 'identity', 'provider', 'refresh',
  'hint'
}
-- How many members whose record is gone a creation removes from each index.
local CLEANED = 16
local PROBED = 4

if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then
  return { 'replayed' }
end

local subject_key = given.keys .. 'subject:' .. given.subject
local superseded
if given.replaces then
  superseded = read_record(session_key(given.replaces))
  local is_other = superseded.subject and superseded.subject ~= given.subject
  if superseded.state ~= 'live' or superseded.version ~= given.replacesVersion or is_other then
    return { 'stale' }
  end
end

-- By the idle timeout of now, which another replica or an earlier configuration need not have had: the index alone says
-- no more than which records may still be there.
local least = '(' .. tonumber(given.now) - tonumber(given.retention)

-- The sessions of the subject that are not over, oldest first.
local function counted()
  local sessions = {}
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', subject_key, least, '+inf')) do
    local record = member ~= given.replaces and read_record(session_key(member))
    if record and record.state == 'live' and tonumber(given.now) < end_of(record.expires, record.lastSeen) then
      table.insert(sessions, { member = member, record = record, created = whole_number(record.created) or 0 })
    end
  end
  table.sort(sessions, function(a, b)
    return a.created < b.created or (a.created == b.created and a.member < b.member)
  end)
  return sessions
end

local others, excess = {}, 0
local limit = tonumber(given.limit)
-- The index may hold more than there are, and never fewer: most creations need not look at each.
if limit and redis.call('ZCOUNT', subject_key, least, '+inf') >= limit then
  others = counted()
  excess = #others + 1 - limit
end
if excess > 0 and given.onExceed == 'refuse' then
  return { 'limited' }
end

-- The first write is one that a store without memory refuses: then nothing has been done.
local last_id = append(KEYS[3], 'created', given.ref, given, '0', given.version)
redis.call('SET', KEYS[2], '1', 'PXAT', given.proofUntil)
local fields = {}
for _, name in ipairs(RECORD) do
  if given[name] then
    fields[#fields + 1] = name
    fields[#fields + 1] = given[name]
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
keep_session(KEYS[1], given.member, given, end_of(given.expires, given.lastSeen))

if superseded then
  last_id = end_session(given.replaces, superseded, 'superseded', KEYS[3], 'superseded')
end
local reply = { 'created' }
for i = 1, excess do
  local other = others[i]
  last_id = end_session(other.member, other.record, 'limit', KEYS[3], 'limit')
  reply[#reply + 1] = other.member
end

-- What the server forgot since leaves the indexes here: by its clock where they know the end, else by sampling.
local time = redis.call('TIME')
local forgotten = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(given.retention) - 1
for _, index in ipairs(INDEXES) do
  local index_key = given[index] and given.keys .. index .. ':' .. given[index]
  local gone = index_key and redis.call('ZRANGEBYSCORE', index_key, '-inf', forgotten, 'LIMIT', 0, CLEANED) or {}
  for _, member in ipairs(gone) do
    leave(index_key, member)
  end
end
for _, member in ipairs(redis.call('ZRANDMEMBER', given.keys .. 'sessions', PROBED)) do
  if redis.call('EXISTS', session_key(member)) == 0 then
    leave(given.keys .. 'sessions', member)
  end
end
remove_leaving()
trim(KEYS[3], last_id)
return reply
