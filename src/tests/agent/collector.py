"""An OTLP/HTTP collector, by OpenTelemetry's own messages.

Says its port, then each request as a line of JSON. Its arguments are what it answers, one for
each request in turn, the last one for all that follow: a status, garbage or hang.
"""

import http.server
import json
import sys
import time

from google.protobuf.json_format import MessageToDict
from google.rpc import status_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as service

answers = sys.argv[1:]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = service.ExportMetricsServiceRequest()
        request.ParseFromString(body)
        # Fields that are not in OpenTelemetry's own definition stay unknown.
        whole = service.ExportMetricsServiceRequest.FromString(request.SerializeToString())
        whole.DiscardUnknownFields()
        line = {
            "path": self.path,
            "type": self.headers["Content-Type"],
            "unknown_bytes": request.ByteSize() - whole.ByteSize(),
            "answer": answer,
            "request": MessageToDict(request, preserving_proto_field_name=True),
        }
        print(json.dumps(line), flush=True)
        if answer == "hang":
            time.sleep(600)
        elif answer == "garbage":
            self.reply(200, b"\xff\xff\xff")
        elif answer == "200":
            self.reply(200, service.ExportMetricsServiceResponse().SerializeToString())
        else:
            said = status_pb2.Status(code=14, message="come later")
            self.reply(int(answer), said.SerializeToString())

    def reply(self, status, body):
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/elsewhere")
        if status == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
