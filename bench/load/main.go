// The load of the benchmark: a closed loop of HTTP/1.1 connections, each with a session token of its own, that sends a
// fixed number of requests as fast as they are answered, and prints one JSON object. The loop and the client are
// Fortio's (periodic, fhttp); this program gives each connection its own header, and keeps every latency, since
// the steps of Fortio's histogram are too wide for a p99.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"fortio.org/fortio/fhttp"
	"fortio.org/fortio/periodic"
	"fortio.org/log"
)

// connection is one of the loop's workers. Only its own goroutine touches it while the loop runs.
type connection struct {
	client    fhttp.Fetcher
	latencies []time.Duration
	codes     map[int]int
}

// Run sends one request and waits for its answer.
func (c *connection) Run(ctx context.Context, _ periodic.ThreadID) (bool, string) {
	start := time.Now()
	code, _, _ := c.client.StreamFetch(ctx)
	c.latencies = append(c.latencies, time.Since(start))
	c.codes[code]++
	return code == 200, ""
}

// percentiles are in microseconds, exact: each is a latency that was measured (nearest rank).
type percentiles struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

type report struct {
	Requests      int         `json:"requests"`
	Seconds       float64     `json:"seconds"`
	Codes         map[int]int `json:"codes"`
	LatencyMicros percentiles `json:"latencyMicros"`
}

func readTokens(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var tokens []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		tokens = append(tokens, lines.Text())
	}
	if len(tokens) == 0 {
		return nil, errors.New("the token file is empty")
	}
	return tokens, nil
}

func connect(url, host, token string, expected int) (*connection, error) {
	options := fhttp.NewHTTPOptions(url)
	options.HTTPReqTimeOut = 10 * time.Second
	headers := []string{}
	if host != "" {
		headers = append(headers, "host: "+host)
	}
	if token != "" {
		headers = append(headers, "authorization: Bearer "+token)
	}
	for _, header := range headers {
		if err := options.AddAndValidateExtraHeader(header); err != nil {
			return nil, err
		}
	}
	client, err := fhttp.NewFastClient(options)
	if err != nil {
		return nil, err
	}
	return &connection{client, make([]time.Duration, 0, expected), map[int]int{}}, nil
}

func connectAll(url, host string, tokens []string, count, requests int) ([]*connection, error) {
	connections := make([]*connection, count)
	for i := range connections {
		token := ""
		if len(tokens) > 0 {
			token = tokens[i%len(tokens)]
		}
		var err error
		if connections[i], err = connect(url, host, token, requests/count+1); err != nil {
			return nil, err
		}
	}
	return connections, nil
}

func drive(connections []*connection, requests int) time.Duration {
	options := periodic.RunnerOptions{
		QPS:         -1,
		Exactly:     int64(requests),
		NumThreads:  len(connections),
		Percentiles: []float64{50},
		Out:         io.Discard,
	}
	runner := periodic.NewPeriodicRunner(&options)
	defer runner.Options().Abort()
	for i, c := range connections {
		runner.Options().Runners[i] = c
	}
	return runner.Run().ActualDuration
}

func summarize(connections []*connection, elapsed time.Duration) report {
	result := report{Seconds: elapsed.Seconds(), Codes: map[int]int{}}
	var latencies []time.Duration
	for _, c := range connections {
		latencies = append(latencies, c.latencies...)
		for code, count := range c.codes {
			result.Codes[code] += count
		}
	}
	slices.Sort(latencies)
	at := func(percent float64) float64 {
		rank := int(math.Ceil(float64(len(latencies))*percent/100)) - 1
		return float64(latencies[max(rank, 0)].Nanoseconds()) / 1000
	}
	result.Requests = len(latencies)
	result.LatencyMicros = percentiles{at(50), at(90), at(99), at(99.9), at(100)}
	return result
}

func run() error {
	url := flag.String("url", "", "where to send the requests")
	host := flag.String("host", "", "value of the Host header, if not the URL's")
	connectionCount := flag.Int("connections", 32, "connections of the closed loop")
	requests := flag.Int("requests", 20000, "requests in all")
	tokenFile := flag.String("tokens", "", "file of session tokens, one a line; connection N sends line N")
	flag.Parse()
	if *url == "" || *connectionCount < 1 || *requests < *connectionCount {
		return errors.New("-url is required, and -requests must be at least -connections")
	}
	tokens, err := readTokens(*tokenFile)
	if err != nil {
		return err
	}
	connections, err := connectAll(*url, *host, tokens, *connectionCount, *requests)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(summarize(connections, drive(connections, *requests)))
}

func main() {
	log.SetLogLevelQuiet(log.Error)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
