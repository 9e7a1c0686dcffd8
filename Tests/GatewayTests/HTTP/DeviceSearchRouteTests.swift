import Aggregates
import Foundation
import Gateway
import Runtime
import Testing

@Suite(.timeLimit(.minutes(5))) struct `The list of devices over HTTP` {
    private func fleet(_ gateway: TestGateway) async throws {
        try await gateway.open("north")
        for body in [
            #"{"serial":"SN-2","type":"smoke","name":"Attic","labels":{"floor":"3","side":"left"}}"#,
            #"{"serial":"SN-1","type":"water","name":"cellar","labels":{"floor":"-1"},"location":{"text":"Hall 7"}}"#,
            #"{"serial":"SN-3","type":"smoke","name":"Boiler","account":"north","labels":{"floor":"3"},"location":{"latitude":47.4,"longitude":8.5}}"#,
        ] {
            let reply = try await gateway.ask("POST", "/api/v1/devices", body)
            #expect(reply.status == 201, "\(reply)")
        }
    }

    private func names(_ query: String, _ gateway: TestGateway, token: String? = nil) async throws -> [String] {
        let reply = try await gateway.ask("GET", "/api/v1/devices?\(query)", token: token)
        #expect(reply.status == 200, "\(query): \(reply)")
        return reply.items.compactMap { $0["name"] as? String }
    }

    @Test func `is searched, filtered and sorted`() async throws {
        try await TestGateway.with { gateway in
            try await fleet(gateway)
            let silent = "\(Timestamp.now() + .seconds(60))"
            for (query, wanted) in [
                ("sort=name", ["Attic", "Boiler", "cellar"]), ("sort=-name", ["cellar", "Boiler", "Attic"]),
                ("sort=serial", ["cellar", "Attic", "Boiler"]), ("sort=registered", ["Attic", "cellar", "Boiler"]),
                ("text=ATT", ["Attic"]), ("text=sn-&sort=-serial", ["Boiler", "Attic", "cellar"]),
                ("text=floor:3&sort=name", ["Attic", "Boiler"]), ("label=floor:3&sort=name", ["Attic", "Boiler"]),
                ("label=floor:3&label=side:left", ["Attic"]), ("label=floor:3&label=side:right", []),
                ("type=water", ["cellar"]), ("state=provisioned&type=smoke&sort=name", ["Attic", "Boiler"]),
                ("state=retired", []), ("bbox=8,47,9,48", ["Boiler"]), ("bbox=9,47,8,48", []),
                ("place=hall", ["cellar"]),
                ("silentSince=\(silent)&sort=name", ["Attic", "Boiler", "cellar"]), ("readingSince=\(silent)", []),
                ("account=north", ["Boiler"]),
            ] {
                #expect(try await names(query, gateway) == wanted, "\(query)")
            }
            let north = try await gateway.token(.reader, for: "north")
            #expect(try await names("text=sn-", gateway, token: north) == ["Boiler"])
            #expect(try await names("label=floor:3&sort=-lastReading", gateway, token: north) == ["Boiler"])
        }
    }

    @Test func `is read page by page in any order`() async throws {
        try await TestGateway.with { gateway in
            try await fleet(gateway)
            for sort in ["id", "-id", "name", "-name", "serial", "state", "registered", "-lastReading", "lastReading"] {
                let all = try await names("sort=\(sort)", gateway)
                #expect(all.count == 3)
                var (found, after): ([String], String?) = ([], nil)
                repeat {
                    let cursor = after.map { "&after=\($0)" } ?? ""
                    let reply = try await gateway.ask("GET", "/api/v1/devices?limit=1&sort=\(sort)\(cursor)")
                    #expect(reply.status == 200 && reply.items.count == 1, "\(reply)")
                    found += reply.items.compactMap { $0["name"] as? String }
                    after = reply[text: "next"]
                } while after != nil && found.count < 4
                #expect(found == all, "\(sort)")
            }
            let first = try await gateway.ask("GET", "/api/v1/devices?limit=1&sort=name")
            let next = try #require(first[text: "next"])
            for sort in ["", "&sort=-name", "&sort=serial"] {
                let refused = try await gateway.ask("GET", "/api/v1/devices?limit=1&after=\(next)\(sort)")
                #expect(refused.status == 400 && refused[text: "field"] == "after", "\(refused)")
                #expect(refused[text: "detail"]?.contains("sorted by name") == true)
            }
        }
    }

    @Test func `is refused what it cannot be asked`() async throws {
        try await TestGateway.with { gateway in
            let long = String(repeating: "x", count: 201)
            let labels = (0..<17).map { "label=k\($0):v" }.joined(separator: "&")
            for (field, query) in [
                ("text", "text="), ("text", "text=\(long)"), ("text", "text=%00"), ("label", "label=floor"),
                ("label", "label=:3"), ("label", "label=floor:3&label=floor:4"), ("label", labels), ("type", "type="),
                ("state", "state=unregistered"), ("state", "state=gone"), ("connectivity", "connectivity=maybe"),
                ("clock", "clock=right"), ("bbox", "bbox=1,2,3"), ("bbox", "bbox=1,50,2,40"),
                ("bbox", "bbox=1,2,3,nan"),
                ("bbox", "bbox=-181,0,0,0"), ("place", "place="), ("silentSince", "silentSince=yesterday"),
                ("readingSince", "readingSince=1"), ("sort", "sort=colour"), ("sort", "sort=name,id"),
                ("after", "after=x"),
                ("limit", "limit=0"), ("limit", "limit=1001"), ("colour", "colour=red"), ("type", "type=a&type=b"),
            ] {
                let reply = try await gateway.ask("GET", "/api/v1/devices?\(query)")
                #expect(reply.status == 400 && reply.isProblem && reply[text: "field"] == field, "\(query): \(reply)")
            }
            let elsewhere = try await gateway.ask("GET", "/api/v1/accounts?label=a:b&label=c:d")
            #expect(elsewhere.status == 400)
        }
    }
}
