-- What TestLoad's vegeta sends, in turn.
local requests = {
  { "GET", "/users/1" },
  { "GET", "/users/2" },
  { "POST", "/users", "name=x" },
  { "GET", "/fail" },
  { "GET", "/nowhere" },
}
local i = 0

request = function()
  i = i % #requests + 1
  local r = requests[i]
  return wrk.format(r[1], r[2], nil, r[3])
end
