import Foundation
package import HTTPTypes
import Hummingbird

/// Why a request is not answered as asked: RFC 9457 problem details.
package struct Problem: Error, Sendable {
    package var status: HTTPResponse.Status
    /// Names the kind of problem for programs, for example `stale-version`.
    package var kind: String
    package var title: String
    /// What went wrong here, and what to do about it; safe for strangers.
    package var detail: String
    /// The JSON field, query parameter or header that the problem lies in.
    package var field: String?
    package var reasons: [String]?
    package var headers: HTTPFields = [:]
    /// For the server's own log only.
    package var cause: String?

    init(
        _ status: HTTPResponse.Status, _ kind: String, _ title: String, _ detail: String, field: String? = nil,
        headers: HTTPFields = [:], cause: String? = nil
    ) {
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.field = field
        self.headers = headers
        self.cause = cause
    }

    /// The problem as JSON.
    var body: [UInt8] {
        let body = Body(
            type: "urn:fleetlog:problem:\(kind)", title: title, status: status.code, detail: detail, field: field,
            reasons: reasons)
        return (try? JSONEncoder.answers.encode(body)).map { Array($0) } ?? []
    }

    var response: Response {
        let body = body
        var headers = headers
        headers[.contentType] = "application/problem+json"
        headers[.cacheControl] = "no-store"
        headers[.contentLength] = "\(body.count)"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }

    private struct Body: Encodable {
        var type: String
        var title: String
        var status: Int
        var detail: String
        var field: String?
        var reasons: [String]?
    }
}

extension Problem {
    /// The request cannot be understood; `detail` says what to do.
    static func malformed(_ field: String?, _ detail: String) -> Problem {
        Problem(.badRequest, "malformed-request", "The request cannot be understood", detail, field: field)
    }

    static func notFound(_ detail: String) -> Problem {
        Problem(.notFound, "not-found", "There is nothing here", detail)
    }

    static func versionNotReached(head: Int64) -> Problem {
        Problem(
            .notFound, "version-not-reached", "It has not come so far", "Its newest version is \(head).",
            field: "version")
    }

    static func retained(through version: Int64) -> Problem {
        Problem(
            .gone, "retained", "It has left the log",
            "Telemetry up to version \(version) was old enough to go; from that version on, all is known.")
    }

    static func methodNotAllowed(_ allowed: [HTTPRequest.Method]) -> Problem {
        let names = allowed.map(\.rawValue).joined(separator: ", ")
        return Problem(
            .methodNotAllowed, "method-not-allowed", "This method is not allowed here", "Use one of: \(names).",
            headers: [.allow: names])
    }

    static let unauthorized = Problem(
        .unauthorized, "unauthorized", "Who are you?",
        "Send a valid token in the header Authorization: Bearer <token>, or log in at /. fleetlog token create makes one.",
        headers: [.wwwAuthenticate: #"Bearer realm="fleetlog""#])

    static let forbidden = Problem(
        .forbidden, "forbidden", "This token may not do that", "Use a token with the role or account that is needed.")

    static let deviceUnauthorized = Problem(
        .unauthorized, "unauthorized", "Which device are you?",
        "Send the device's id and key as Authorization: Basic, or its key as a bearer token and its id as device_id.",
        headers: [.wwwAuthenticate: #"Bearer realm="fleetlog", Basic realm="fleetlog""#])

    static let foreignDevice = Problem(
        .forbidden, "foreign-device", "This is another device's", "A device speaks for itself only.",
        field: "device_id")

    static let crossSite = Problem(
        .forbidden, "cross-site", "This request comes from another site",
        "A request with a cookie must come from a page of this server; programs send a bearer token instead.")

    static func tooManyFailures(retryAfter seconds: Int) -> Problem {
        Problem(
            .tooManyRequests, "too-many-failures", "Too many wrong tokens", "Wait, then send a valid token.",
            headers: [.retryAfter: "\(seconds)"])
    }

    static func tooManyReadings(retryAfter seconds: Int) -> Problem {
        Problem(
            .tooManyRequests, "too-many-readings", "That is more than this device may send",
            "Nothing was recorded: wait, then send it again.", headers: [.retryAfter: "\(seconds)"])
    }

    static func conflict(_ kind: String, _ detail: String) -> Problem {
        Problem(.conflict, kind, "The present state does not allow this", detail)
    }

    static func stale(version: Int64) -> Problem {
        Problem(
            .preconditionFailed, "stale-version", "It has changed meanwhile",
            "It stands at another version than If-Match says: read it again and decide anew.",
            headers: [.eTag: EntityTag(version: version).description])
    }

    static let keyReused = Problem(
        .unprocessableContent, "idempotency-key-reused", "This Idempotency-Key meant something else",
        "It was sent with another request; use a new key for this one.", field: "Idempotency-Key")

    static func tooLarge(limit: Int) -> Problem {
        Problem(
            .contentTooLarge, "too-large", "The body is too large", "Send at most \(limit) bytes.",
            headers: [.connection: "close"])
    }

    static let slowBody = Problem(
        .requestTimeout, "slow-body", "The body took too long", "Send the whole body at once.",
        headers: [.connection: "close"])

    static let timeout = Problem(
        .gatewayTimeout, "timeout", "The answer took too long",
        "A write may still happen: send it again with the same Idempotency-Key.")

    static func unavailable(_ detail: String, retryAfter seconds: Int, cause: String) -> Problem {
        Problem(
            .serviceUnavailable, "unavailable", "Not possible right now", detail,
            headers: [.retryAfter: "\(seconds)"], cause: cause)
    }

    static func internalFailure(cause: String) -> Problem {
        Problem(
            .internalServerError, "internal", "Something is broken here", "The server's log says what.", cause: cause)
    }
}
