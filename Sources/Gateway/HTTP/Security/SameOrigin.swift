import Foundation
import HTTPTypes
import HummingbirdCore

/// Whether a request that a browser authenticates by itself was made by a page of this server.
enum SameOrigin {
    static func check(_ exchange: Exchange) throws(Problem) {
        switch exchange.request.method {
        case .get, .head: return
        default: break
        }
        if let site = exchange.header(.fetchSite) {
            guard site == "same-origin" || site == "none" else { throw .crossSite }
            return
        }
        guard let origin = exchange.header(.origin), let url = URL(string: origin), let host = url.host,
            let own = exchange.request.head.authority ?? exchange.header(.host)
        else { throw .crossSite }
        let authority = url.port.map { "\(host):\($0)" } ?? host
        guard authority.lowercased() == own.lowercased() else { throw .crossSite }
    }
}
