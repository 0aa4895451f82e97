// A bare ext_authz server, the yardstick of the benchmark: each Check reads one key from Redis and answers OK with
// three headers set. It verifies nothing, decides nothing, counts nothing and logs nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/redis/go-redis/v9"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type reference struct {
	authv3.UnimplementedAuthorizationServer
	redis *redis.Client
	key   string
}

func (r *reference) Check(ctx context.Context, _ *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	value, err := r.redis.Get(ctx, r.key).Bytes()
	if err != nil {
		return nil, status.Error(codes.Unavailable, "the store did not answer")
	}
	return allow(value), nil
}

// allow uses the value read for a header's value, so that the read can't be left out.
func allow(value []byte) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &rpcstatus.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{
				header("x-session-subject", "reference"),
				header("x-session-version", fmt.Sprint(len(value))),
				header("x-session-scopes", "invoices:read invoices:write"),
			},
		}},
	}
}

func header(name, value string) *corev3.HeaderValueOption {
	return &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: name, Value: value},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
}

func serve(listen, redisAddress, key string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	client := redis.NewClient(&redis.Options{Addr: redisAddress})
	defer client.Close()
	authv3.RegisterAuthorizationServer(server, &reference{redis: client, key: key})

	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	context.AfterFunc(stop, server.Stop)
	if err := server.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to serve Check on")
	redisAddress := flag.String("redis", "127.0.0.1:6379", "address of Redis or Valkey")
	key := flag.String("key", "bench:reference", "key that each Check reads")
	flag.Parse()
	if err := serve(*listen, *redisAddress, *key); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
