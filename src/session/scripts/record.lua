-- A session's record, its indexes and its audit records, for the script that follows. Judges by the same rules as
-- record.ts. given: keys (how the partition's keys begin), partition, retention, auditEntries, auditAge.
-- Keys that only an index or a record tells are made from given.keys, whose hash tag is that of KEYS.
local FIELDS = {
  'version', 'lastSeen', 'expires', 'revoked', 'created', 'subject', 'owner', 'identity', 'provider', 'hint'
}
local INDEXES = { 'subject', 'provider' }

-- A whole number in its only form, of up to 15 digits: exact in a Lua number.
local function whole_number(text)
  if text and #text <= 15 and string.match(text, '^[1-9]%d*$') then
    return tonumber(text)
  end
  return nil
end

local function session_key(member)
  return given.keys .. 'session:' .. member
end

-- state: absent, live, revoked or corrupt; the other fields as text, false where they are missing.
local function read_record(key)
  local values = redis.pcall('HMGET', key, unpack(FIELDS))
  if values.err then
    if string.find(values.err, '^WRONGTYPE') then
      return { state = 'corrupt' }
    end
    error(values.err)
  end
  local record, is_empty = {}, true
  for i, name in ipairs(FIELDS) do
    record[name] = values[i]
    is_empty = is_empty and not values[i]
  end
  -- An index takes no other score; without one the session is in no list, and ends like any other.
  record.created = whole_number(record.created) and record.created
  if record.revoked then
    record.state = 'revoked'
  elseif is_empty and redis.call('EXISTS', key) == 0 then
    record.state = 'absent'
  elseif
    whole_number(record.version)
    and whole_number(record.lastSeen)
    and whole_number(record.expires)
    and redis.call('HEXISTS', key, 'document') == 1
  then
    record.state = 'live'
  else
    record.state = 'corrupt'
  end
  return record
end

-- Keeps a key until then, or for longer if it is kept for longer.
local function keep_until(key, at)
  if redis.call('PEXPIRETIME', key) < at then
    redis.call('PEXPIREAT', key, at)
  end
end

-- When the session ends by its timeouts, seen at that time.
local function end_of(expires, seen)
  return math.min(tonumber(expires), tonumber(seen) + tonumber(given.idle))
end

-- Keeps the record and puts the session into the indexes, until it ends by its timeouts.
local function keep_session(key, member, record, ends)
  local forget_at = ends + tonumber(given.retention)
  redis.call('PEXPIREAT', key, forget_at)
  if record.created then
    redis.call('ZADD', given.keys .. 'sessions', record.created, member)
    keep_until(given.keys .. 'sessions', forget_at)
  end
  for _, index in ipairs(INDEXES) do
    if record[index] then
      local index_key = given.keys .. index .. ':' .. record[index]
      redis.call('ZADD', index_key, ends, member)
      keep_until(index_key, forget_at)
    end
  end
end

-- Adds what the note of that name tells to the trail, and returns the record's id. It is about the subject of `about`.
local function append(stream, name, ref, about, before, after)
  local note = name .. '.'
  local entry = {
    'action', given[note .. 'action'], 'by', given[note .. 'by'], 'note', given[note .. 'note']
  }
  local more = { ref = ref, subject = about.subject, owner = about.owner, before = before, after = after }
  for field, value in pairs(more) do
    if value then
      entry[#entry + 1] = field
      entry[#entry + 1] = value
    end
  end
  return redis.call('XADD', stream, 'MAXLEN', '~', given.auditEntries, '*', unpack(entry))
end

-- Forgets what is older than the trail's age by the time of the record that was added last.
local function trim(stream, last_id)
  local at, age = tonumber(string.match(last_id, '^%d+')), tonumber(given.auditAge)
  redis.call('XTRIM', stream, 'MINID', math.max(0, at - age))
  redis.call('PEXPIREAT', stream, at + age)
end
