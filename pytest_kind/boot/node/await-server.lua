-- Runs in a load balancer, for each connection while its cluster starts: lets it go on when there is an API server for it. Who comes before
-- would be sent away, and be back after some seconds. Later, when there is none, that is what its users are to see.
local started, seconds = os.time(), 120
core.register_action("await_server", {"tcp-req"}, function(connection)
  while os.time() < started + seconds and connection.f:nbsrv("ready") + connection.f:nbsrv("serving") == 0 do
    core.msleep(20)
  end
end)
