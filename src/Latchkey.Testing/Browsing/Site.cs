using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.TestHost;

namespace Latchkey.Testing.Browsing;

/// <summary>An app that a browser can reach: by its <c>TestServer</c>, by an HTTP client of it, or by its address.</summary>
/// <param name="BaseAddress">Its origin.</param>
/// <param name="Handler">What carries requests to it; neither follows redirects nor keeps cookies.</param>
public sealed record Site(Uri BaseAddress, HttpMessageHandler Handler)
{
    private static readonly SocketsHttpHandler Network = new() { AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(5) };

    /// <summary>An app on a <c>TestServer</c>, such as the <c>Server</c> of a <c>WebApplicationFactory</c>.</summary>
    /// <param name="server">The server.</param>
    /// <param name="origin">The origin under which the browser knows it; the server's own if null. An app with <c>Secure</c> cookies wants <c>https://…</c>.</param>
    public static Site Of(TestServer server, string? origin = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        return new(origin is null ? server.BaseAddress : new Uri(origin), server.CreateHandler());
    }

    /// <summary>An app on the network.</summary>
    /// <param name="origin">Its address, such as <c>http://127.0.0.1:5000</c>.</param>
    public static Site At(string origin) => new(new Uri(origin), Network);

    /// <summary>
    /// The app that an HTTP client talks to. What follows redirects or keeps cookies inside the client, as in those of a <c>WebApplicationFactory</c>,
    /// is left out: the browser does both itself.
    /// </summary>
    /// <param name="client">The client, with a base address.</param>
    public static Site Of(HttpClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        var handler = HandlerOf(client);
        while (handler is DelegatingHandler { InnerHandler: { } inner } && handler.GetType().Namespace == "Microsoft.AspNetCore.Mvc.Testing.Handlers") handler = inner;
        if (handler is SocketsHttpHandler or HttpClientHandler) handler = Network;
        return new(client.BaseAddress ?? throw new ArgumentException("The client has no base address.", nameof(client)), handler);
    }

    // HttpMessageInvoker shows its handler to nobody, and the one of a WebApplicationFactory's client can be had nowhere else.
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_handler")]
    private static extern ref HttpMessageHandler HandlerOf(HttpMessageInvoker invoker);
}
