import Hummingbird
import NIOCore

/// What Hummingbird keeps with a request, and the connection it came by.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
    }
}

extension Channel {
    /// Closes after the answer has had time to arrive; closing at once would tear it away from a peer that still sends.
    func closeSoon() {
        eventLoop.scheduleTask(in: .seconds(2)) { self.close(promise: nil) }
    }
}
