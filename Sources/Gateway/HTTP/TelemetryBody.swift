import HTTPTypes

extension Exchange {
    /// The message that a device has sent, unpacked.
    ///
    /// - Throws: 415 for what is neither JSON nor CBOR, or packed in another way than gzip; 413 for too much.
    func telemetry() throws(Problem) -> [UInt8] {
        let type = header(.contentType)?.split(separator: ";").first.map { $0.lowercased() } ?? "application/json"
        let isCBOR: Bool
        switch type.filter({ $0 != " " && $0 != "\t" }) {
        case "application/json": isCBOR = false
        case "application/cbor": isCBOR = true
        default:
            throw Problem(
                .unsupportedMediaType, "unknown-media-type", "The body must be JSON or CBOR",
                "Send Content-Type: application/json or application/cbor.",
                headers: [.accept: "application/json, application/cbor"])
        }
        let message: [UInt8]
        switch header(.contentEncoding)?.lowercased() {
        case nil, "identity": message = body
        case "gzip": message = try unpacked()
        default:
            throw Problem(
                .unsupportedMediaType, "unknown-encoding", "The body is packed in an unknown way",
                "Send it as it is, or with Content-Encoding: gzip.", headers: [.acceptEncoding: "gzip"])
        }
        guard message.isEmpty || CBORText.isCBOR(message) == isCBOR else {
            throw .malformed(
                nil, "The body is not of its Content-Type: a map or an array of \(isCBOR ? "CBOR" : "JSON").")
        }
        return message
    }

    private func unpacked() throws(Problem) -> [UInt8] {
        do throws(Gzip.Failure) {
            return try Gzip.unpacked(body, atMost: TelemetryLimits.bytes)
        } catch {
            switch error {
            case .malformed: throw .malformed(nil, "The body is not gzip, though its Content-Encoding says so.")
            case .tooLarge: throw .tooLarge(limit: TelemetryLimits.bytes)
            }
        }
    }
}
