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

    private static let files: [File] = [
        File(path: "/", type: "text/html; charset=utf-8", bytes: PackageResources.index_html),
        File(path: "/favicon.svg", type: "image/svg+xml", bytes: PackageResources.favicon_svg),
        style("page", PackageResources.page_css), style("places", PackageResources.places_css),
        script("activity", PackageResources.activity_js),
        script("alerts", PackageResources.alerts_js),
        script("api", PackageResources.api_js),
        script("app", PackageResources.app_js),
        script("attention", PackageResources.attention_js),
        script("changes", PackageResources.changes_js),
        script("chart", PackageResources.chart_js),
        script("comparison", PackageResources.comparison_js),
        script("device", PackageResources.device_js),
        script("devicecards", PackageResources.devicecards_js),
        script("devicetable", PackageResources.devicetable_js),
        script("event", PackageResources.event_js),
        script("eventrow", PackageResources.eventrow_js),
        script("events", PackageResources.events_js),
        script("explorer", PackageResources.explorer_js),
        script("fleet", PackageResources.fleet_js),
        script("history", PackageResources.history_js),
        script("instant", PackageResources.instant_js),
        script("logpanel", PackageResources.logpanel_js),
        script("overview", PackageResources.overview_js),
        script("readings", PackageResources.readings_js),
        script("rollouts", PackageResources.rollouts_js),
        script("route", PackageResources.route_js),
        script("streams", PackageResources.streams_js),
        script("view", PackageResources.view_js),
        script("viewcard", PackageResources.viewcard_js),
        script("views", PackageResources.views_js),
    ]

    private static func style(_ name: String, _ bytes: [UInt8]) -> File {
        File(path: "/\(name).css", type: "text/css; charset=utf-8", bytes: bytes)
    }

    private static func script(_ name: String, _ bytes: [UInt8]) -> File {
        File(path: "/\(name).js", type: "text/javascript; charset=utf-8", bytes: bytes)
    }

    var all: [Route] {
        Self.files.map { file in
            let digest = SHA256.hash(data: file.bytes).prefix(12)
            let tag = "\"\(digest.hexadecimal)\""
            return .open(.get, file.path) { exchange throws(Problem) in
                let headers: HTTPFields = [.eTag: tag, .cacheControl: "no-cache"]
                if exchange.header(.ifNoneMatch) == tag { return Response(status: .notModified, headers: headers) }
                return .bytes(file.bytes, type: file.type, headers: headers)
            }
        }
    }
}
