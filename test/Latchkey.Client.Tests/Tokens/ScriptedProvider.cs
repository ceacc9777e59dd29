using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Latchkey.Client.Tokens;
using Latchkey.Protocol;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Client.Tests.Tokens;

/// <summary>A provider whose token endpoint answers what a test says: for lifetimes and misbehaviour that no real server shows on demand.</summary>
internal sealed class ScriptedProvider : HttpMessageHandler
{
    public const string Issuer = "https://scripted.test";

    private int _issued;

    /// <summary>What the token endpoint answers; by default a bearer token that lives for an hour.</summary>
    public Func<Parameters, CancellationToken, Task<HttpResponseMessage>> Answer { get; set; }

    public FakeTimeProvider Clock { get; } = new(new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    public ConcurrentQueue<Parameters> TokenRequests { get; } = new();

    public ConcurrentQueue<Parameters> Revocations { get; } = new();

    public ScriptedProvider() => Answer = (_, _) => Task.FromResult(Token("\"expires_in\":3600"));

    public LatchkeyClient Client(Action<LatchkeyClientOptions>? change = null)
    {
        var options = new LatchkeyClientOptions { Issuer = Issuer, ClientId = "app", Credential = ClientCredential.Secret("a secret of the app"), Scope = "api:read" };
        change?.Invoke(options);
        return new(options, new HttpClient(this, disposeHandler: false), Clock);
    }

    /// <summary>A native app: public, and without OpenID, so that no ID token is needed.</summary>
    public LatchkeyClient Native(Action<LatchkeyClientOptions>? change = null) => Client(options =>
    {
        options.Credential = ClientCredential.None;
        change?.Invoke(options);
    });

    public MachineTokens Machine(Action<LatchkeyClientOptions>? change = null) => new(Client(change), Clock);

    /// <summary>A token answer: each with a token of its own, and the members given.</summary>
    public HttpResponseMessage Token(string members = "\"expires_in\":3600", string type = "Bearer") =>
        Json($$"""{"access_token":"access-{{Interlocked.Increment(ref _issued)}}","token_type":"{{type}}"{{(members.Length > 0 ? "," : "")}}{{members}}}""");

    public void Answers(string members) => Answer = (_, _) => Task.FromResult(Token(members));

    public void Fails(string error, HttpStatusCode status = HttpStatusCode.BadRequest, TimeSpan? retryAfter = null) => Answer = (_, _) =>
    {
        var answer = Json($$"""{"error":"{{error}}","error_description":"so says the script"}""", status);
        if (retryAfter is { } wait) answer.Headers.RetryAfter = new(wait);
        answer.Headers.Add("X-Request-Id", "r-1");
        return Task.FromResult(answer);
    };

    public static HttpResponseMessage Json(string json, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        switch (request.RequestUri!.AbsolutePath)
        {
            case "/.well-known/openid-configuration":
                // It is as many providers as there are names for it.
                var issuer = request.RequestUri.GetLeftPart(UriPartial.Authority);
                return Json($$"""
                    {"issuer":"{{issuer}}","authorization_endpoint":"{{issuer}}/authorize","token_endpoint":"{{issuer}}/token","revocation_endpoint":"{{issuer}}/revoke",
                     "jwks_uri":"{{issuer}}/jwks","response_types_supported":["code"],"code_challenge_methods_supported":["S256"],
                     "authorization_response_iss_parameter_supported":true}
                    """);
            case "/token":
                var form = Parameters.Parse(await request.Content!.ReadAsStringAsync(cancellationToken));
                TokenRequests.Enqueue(form);
                return await Answer(form, cancellationToken);
            case "/revoke":
                Revocations.Enqueue(Parameters.Parse(await request.Content!.ReadAsStringAsync(cancellationToken)));
                return Json("{}");
            default:
                return new(HttpStatusCode.NotFound);
        }
    }
}
