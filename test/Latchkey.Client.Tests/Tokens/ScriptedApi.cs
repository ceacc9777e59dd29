using System.Collections.Concurrent;
using System.Net;
using Latchkey.Client.Tokens;

namespace Latchkey.Client.Tests.Tokens;

/// <summary>An API that answers what a test says and remembers what came.</summary>
internal sealed class ScriptedApi(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
{
    public ConcurrentQueue<(string? Authorization, string? Proof, string Body)> Calls { get; } = new();

    public ScriptedApi(HttpStatusCode status = HttpStatusCode.OK) : this(_ => new(status))
    {
    }

    /// <summary>An API that takes no token of these.</summary>
    public static ScriptedApi Refusing(params string[] tokens) => new(request =>
        new(tokens.Contains(request.Headers.Authorization?.Parameter) ? HttpStatusCode.Unauthorized : HttpStatusCode.OK));

    public HttpClient Client(ITokenSource source, LatchkeyClient client, bool allowPlainHttp = false) =>
        new(new TokenHandler(source, client) { InnerHandler = this, AllowPlainHttp = allowPlainHttp }) { BaseAddress = new("https://api.test/") };

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Calls.Enqueue((request.Headers.Authorization?.ToString(), null, ""));
        return answer(request);
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
        var proof = request.Headers.TryGetValues("DPoP", out var values) ? string.Join(", ", values) : null;
        Calls.Enqueue((request.Headers.Authorization?.ToString(), proof, body));
        return answer(request);
    }
}
