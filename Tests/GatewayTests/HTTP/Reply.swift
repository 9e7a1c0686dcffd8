import Foundation

/// An answer as it came over the wire.
struct Reply: Sendable {
    let status: Int
    let headers: [String: String]
    let body: String

    init(_ text: String) {
        let halves = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let lines = halves[0].components(separatedBy: "\r\n")
        status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        headers = Dictionary(
            lines.dropFirst().compactMap { line in
                guard let colon = line.firstIndex(of: ":") else { return nil }
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                return (line[..<colon].lowercased(), String(value))
            }, uniquingKeysWith: { first, _ in first })
        body = halves.count > 1 ? String(halves[1]) : ""
    }

    /// The body as a JSON object; empty if it is none.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }

    subscript(text name: String) -> String? { json[name] as? String }

    var items: [[String: Any]] { json["items"] as? [[String: Any]] ?? [] }

    var isProblem: Bool {
        headers["content-type"] == "application/problem+json" && json["status"] as? Int == status
            && self[text: "title"] != nil && self[text: "detail"] != nil
    }
}
