// An app behind Envoy in Go's standard library: it reads the session's headers, and writes a slice of the session.
//
// GET anything answers with what it was told. PUT /cart writes the body into the slice `cart`.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Session is what Singlestate says of a request's session.
type Session struct {
	Ref     string          `json:"ref"`
	Subject string          `json:"subject"`
	Scopes  []string        `json:"scopes"`
	Version int             `json:"version"`
	Cart    json.RawMessage `json:"cart"`
}

// sessionOf returns nil for a request without a session.
func sessionOf(header http.Header) (*Session, error) {
	if header.Get("x-session-ref") == "" {
		return nil, nil
	}
	subject, err := url.PathUnescape(header.Get("x-session-subject"))
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(header.Get("x-session-version"))
	if err != nil {
		return nil, err
	}
	cart, err := base64.RawURLEncoding.DecodeString(header.Get("x-session-slice-cart"))
	if err != nil {
		return nil, err
	}
	if len(cart) == 0 {
		cart = []byte("null")
	}
	return &Session{header.Get("x-session-ref"), subject, strings.Fields(header.Get("x-session-scopes")), version, cart}, nil
}

// API calls the Session API as this app.
type API struct {
	url            string
	credentialFile string
	client         http.Client
}

// call returns the HTTP status and the answer. The credential is read anew, since platforms rotate it.
func (api *API) call(name string, message any, answer any) (int, error) {
	credential, err := os.ReadFile(api.credentialFile)
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(message)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequest("POST", api.url+"/singlestate.session.v1.SessionService/"+name, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("content-type", "application/json")
	request.Header.Set("authorization", "Bearer "+strings.TrimSpace(string(credential)))
	response, err := api.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return response.StatusCode, json.NewDecoder(response.Body).Decode(answer)
}

type change struct {
	Slice string          `json:"slice"`
	Value json.RawMessage `json:"value"`
}

type update struct {
	Ref             string   `json:"ref"`
	ExpectedVersion int      `json:"expectedVersion"`
	Changes         []change `json:"changes"`
	Reason          string   `json:"reason"`
}

const tries = 3

// writeCart names the version that was read; where another write came first, it reads again and repeats.
func (api *API) writeCart(session *Session, cart json.RawMessage) (int, map[string]any, error) {
	version := session.Version
	for try := 1; ; try++ {
		var answer map[string]any
		message := update{session.Ref, version, []change{{"cart", cart}}, "cart.changed"}
		status, err := api.call("UpdateSession", message, &answer)
		if err != nil || answer["code"] != "aborted" || try == tries {
			return status, answer, err
		}
		var read struct{ Session struct{ Version int } }
		if _, err := api.call("GetSession", map[string]string{"ref": session.Ref}, &read); err != nil {
			return 0, nil, err
		}
		version = read.Session.Version
	}
}

func (api *API) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	session, err := sessionOf(request.Header)
	status, answer := http.StatusOK, any(session)
	if err == nil && request.Method == http.MethodPut {
		var cart []byte
		if cart, err = io.ReadAll(request.Body); err == nil {
			status, answer, err = api.writeCart(session, cart)
		}
	}
	if err != nil {
		log.Print(err)
		http.Error(writer, "the session can't be used now", http.StatusBadGateway)
		return
	}
	writer.Header().Set("content-type", "application/json")
	writer.WriteHeader(status)
	_ = json.NewEncoder(writer).Encode(answer)
}

func main() {
	api := &API{url: os.Getenv("SINGLESTATE_API"), credentialFile: os.Getenv("CREDENTIAL_FILE")}
	api.client.Timeout = 2 * time.Second
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(http.Serve(listener, api))
}
