// Makes the calls that Grafana's Pyroscope data source makes (pkg/tsdb/grafana-pyroscope-datasource), with the same client
// library, and writes each request as it was sent and each answer as that library understood it.
//
//	go run . http://127.0.0.1:4041/ FOLDER END_MILLISECONDS
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
	querierv1 "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/querier/v1/querierv1connect"
	typesv1 "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const cpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"

// recorder keeps what goes out.
type recorder struct{ folder string }

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	method := filepath.Base(request.URL.Path)
	headers := map[string]string{}
	for name, values := range request.Header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	described, _ := json.MarshalIndent(map[string]any{"path": request.URL.Path, "headers": headers}, "", "  ")
	must(os.WriteFile(filepath.Join(r.folder, method+".json"), append(described, '\n'), 0o644))
	must(os.WriteFile(filepath.Join(r.folder, method+".bin"), body, 0o644))
	return http.DefaultTransport.RoundTrip(request)
}

func main() {
	url, folder := os.Args[1], os.Args[2]
	end, err := strconv.ParseInt(os.Args[3], 10, 64)
	must(err)
	start := end - 3600_000
	client := &http.Client{Transport: recorder{folder}}
	querier := querierv1connect.NewQuerierServiceClient(client, url)
	ctx := context.Background()

	types, err := querier.ProfileTypes(ctx, connect.NewRequest(&querierv1.ProfileTypesRequest{Start: start, End: end}))
	show("ProfileTypes", types, err)
	names, err := querier.LabelNames(ctx, connect.NewRequest(&typesv1.LabelNamesRequest{
		Matchers: []string{`{__profile_type__="` + cpu + `"}`}, Start: start, End: end}))
	show("LabelNames", names, err)
	values, err := querier.LabelValues(ctx, connect.NewRequest(&typesv1.LabelValuesRequest{
		Name: "service_name", Matchers: []string{`{__profile_type__="` + cpu + `",namespace="checkout"}`}, Start: start, End: end}))
	show("LabelValues", values, err)
	labels, err := querier.Series(ctx, connect.NewRequest(&querierv1.SeriesRequest{
		LabelNames: []string{"service_name", "__profile_type__"}, Start: start, End: end}))
	show("Series", labels, err)
	limit := int64(2)
	series, err := querier.SelectSeries(ctx, connect.NewRequest(&querierv1.SelectSeriesRequest{
		ProfileTypeID: cpu, LabelSelector: `{namespace=~"checkout|web"}`, Start: start, End: end,
		GroupBy: []string{"service_name"}, Step: 600, Limit: &limit}))
	show("SelectSeries", series, err)
	nodes := int64(12)
	graph, err := querier.SelectMergeStacktraces(ctx, connect.NewRequest(&querierv1.SelectMergeStacktracesRequest{
		ProfileTypeID: cpu, LabelSelector: `{service_name="pricing"}`, Start: start, End: end, MaxNodes: &nodes}))
	show("SelectMergeStacktraces", graph, err)
	spans, err := querier.SelectMergeSpanProfile(ctx, connect.NewRequest(&querierv1.SelectMergeSpanProfileRequest{
		ProfileTypeID: cpu, LabelSelector: "{}", SpanSelector: []string{"9a517183f26a089d"}, Start: start, End: end}))
	show("SelectMergeSpanProfile", spans, err)

	stacks := &querierv1.SelectMergeStacktracesRequest{
		ProfileTypeID: cpu, LabelSelector: `{service_name="pricing"}`, Start: start, End: end - 1800_000, MaxNodes: &nodes}
	later := &querierv1.SelectMergeStacktracesRequest{
		ProfileTypeID: cpu, LabelSelector: `{service_name="pricing"}`, Start: end - 1800_000, End: end, MaxNodes: &nodes}
	diff, err := querier.Diff(ctx, connect.NewRequest(&querierv1.DiffRequest{Left: stacks, Right: later}))
	show("Diff", diff, err)
	merged, err := querier.SelectMergeProfile(ctx, connect.NewRequest(&querierv1.SelectMergeProfileRequest{
		ProfileTypeID: cpu, LabelSelector: `{service_name="containerd"}`, Start: start, End: end - 60_000,
		StackTraceSelector: &typesv1.StackTraceSelector{CallSite: []*typesv1.Location{{Name: "containerd"}}}}))
	show("SelectMergeProfile", merged, err)
	heat, err := querier.SelectHeatmap(ctx, connect.NewRequest(&querierv1.SelectHeatmapRequest{
		ProfileTypeID: cpu, LabelSelector: `{namespace=~"checkout|web"}`, Start: start, End: end, Step: 1200,
		GroupBy: []string{"service_name"}, QueryType: querierv1.HeatmapQueryType_HEATMAP_QUERY_TYPE_INDIVIDUAL, Limit: &limit}))
	show("SelectHeatmap", heat, err)
	stats, err := querier.GetProfileStats(ctx, connect.NewRequest(&typesv1.GetProfileStatsRequest{}))
	show("GetProfileStats", stats, err)

	profile, err := os.ReadFile("../../formats/go-cpu.pb.gz")
	must(err)
	pusher := pushv1connect.NewPusherServiceClient(client, url)
	pushed, err := pusher.Push(ctx, connect.NewRequest(&pushv1.PushRequest{Series: []*pushv1.RawProfileSeries{{
		Labels:  []*typesv1.LabelPair{{Name: "__name__", Value: "process_cpu"}, {Name: "service_name", Value: "pushed"}},
		Samples: []*pushv1.RawSample{{RawProfile: profile, ID: "7c9e6679-7425-40de-944b-e07fc1f90ae7"}},
	}}}))
	show("Push", pushed, err)
}

func show[T any, P interface {
	*T
	proto.Message
}](method string, response *connect.Response[T], err error) {
	if err != nil {
		fmt.Printf("{\"method\": %q, \"error\": %q}\n", method, err.Error())
		return
	}
	// protojson varies its spaces on purpose.
	text, err := protojson.Marshal(P(response.Msg))
	must(err)
	var plain any
	must(json.Unmarshal(text, &plain))
	line, err := json.Marshal(map[string]any{"method": method, "answer": plain})
	must(err)
	fmt.Println(string(line))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
