import Crypto
import HTTPTypes
import Hummingbird

/// The page: a few files, part of the program.
struct PageRoutes: Sendable {
    private struct File: Sendable {
        let path: String
        let type: String
        let bytes: [UInt8]
    }

    private static let files = [
        File(path: "/", type: "text/html; charset=utf-8", bytes: PackageResources.index_html),
        File(path: "/page.css", type: "text/css; charset=utf-8", bytes: PackageResources.page_css),
        File(path: "/app.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.app_js),
        File(path: "/api.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.api_js),
        File(path: "/fleet.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.fleet_js),
        File(path: "/view.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.view_js),
        File(path: "/alerts.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.alerts_js),
        File(path: "/rollouts.js", type: "text/javascript; charset=utf-8", bytes: PackageResources.rollouts_js),
        File(path: "/favicon.svg", type: "image/svg+xml", bytes: PackageResources.favicon_svg),
    ]

    var all: [Route] {
        Self.files.map { file in
            let digest = SHA256.hash(data: file.bytes).prefix(12)
            let tag = "\"\(digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())\""
            return .open(.get, file.path) { exchange throws(Problem) in
                let headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache"]
                if exchange.header(.ifNoneMatch) == tag { return Response(status: .notModified, headers: headers) }
                return .bytes(file.bytes, type: file.type, headers: headers)
            }
        }
    }
}
