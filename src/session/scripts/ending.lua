-- Ends sessions, for the script that follows. given besides: now, corruptForgetAt.
-- Which members are to be removed from which index keys: at the end, in few commands.
local leaving = {}

local function leave(index_key, member)
  leaving[index_key] = leaving[index_key] or {}
  table.insert(leaving[index_key], member)
end

local function leave_indexes(member, record)
  leave(given.keys .. 'sessions', member)
  for _, index in ipairs(INDEXES) do
    if record[index] then
      leave(given.keys .. index .. ':' .. record[index], member)
    end
  end
end

-- Redis takes no more than some thousand arguments from a script.
local CHUNK = 1000

local function remove_leaving()
  for index_key, members in pairs(leaving) do
    for first = 1, #members, CHUNK do
      redis.call('ZREM', index_key, unpack(members, first, math.min(first + CHUNK - 1, #members)))
    end
  end
end

-- Turns what is stored, live or corrupt, into a tombstone with its audit record. Returns that record's id. To be followed
-- by `remove_leaving` and `trim`.
local function end_session(member, record, cause, stream, note)
  local key = session_key(member)
  local tombstone = { 'revoked', cause, 'revokedAt', given.now }
  local function keep(field)
    if record[field] then
      tombstone[#tombstone + 1] = field
      tombstone[#tombstone + 1] = record[field]
    end
  end
  local forget_at = given.corruptForgetAt
  if record.state == 'live' then
    keep('version')
    keep('expires')
    forget_at = tonumber(record.expires) + tonumber(given.retention)
  end
  keep('subject')
  keep('owner')
  -- Removing comes first: a store that is out of memory refuses a script whose first write adds.
  redis.call('DEL', key)
  redis.call('HSET', key, unpack(tombstone))
  redis.call('PEXPIREAT', key, forget_at)
  leave_indexes(member, record)
  local version = whole_number(record.version) and record.version or '0'
  return append(stream, note, given.partition .. '.' .. member, record, version, '0')
end
