using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Testing.Misconduct;

namespace Latchkey.Testing;

/// <summary>One way in which an answer of the authority goes wrong; to be given to <see cref="AuthorityFaults"/>.</summary>
public sealed class AuthorityFault
{
    private const int TenMegabytes = 10 * 1024 * 1024;

    private readonly string _name;

    private AuthorityFault(string name, Func<Exchange, Task> apply) => (_name, Apply) = (name, apply);

    internal Func<Exchange, Task> Apply { get; }

    /// <summary>Status 500 without a word.</summary>
    public static AuthorityFault ServerError() => Status(500);

    /// <summary>A status without a body.</summary>
    /// <param name="status">The status.</param>
    public static AuthorityFault Status(int status) => new($"status {status}", exchange => exchange.AnswerAsync(status, null, ""));

    /// <summary>An OAuth error (RFC 6749 section 5.2).</summary>
    /// <param name="error">Such as <c>invalid_grant</c>.</param>
    /// <param name="description">Its <c>error_description</c>.</param>
    /// <param name="status">400 unless set.</param>
    public static AuthorityFault OAuthError(string error, string? description = null, int status = 400) => new(error, exchange =>
    {
        var body = new JsonObject { ["error"] = error };
        if (description is not null) body["error_description"] = description;
        return exchange.AnswerAsync(status, "application/json", body.ToJsonString());
    });

    /// <summary>429 with <c>Retry-After</c>.</summary>
    /// <param name="retryAfter">Whole seconds; no header if null.</param>
    public static AuthorityFault TooManyRequests(TimeSpan? retryAfter = null) => WithRetryAfter(429, retryAfter);

    /// <summary>503 with <c>Retry-After</c>.</summary>
    /// <param name="retryAfter">Whole seconds; no header if null.</param>
    public static AuthorityFault Unavailable(TimeSpan? retryAfter = null) => WithRetryAfter(503, retryAfter);

    /// <summary>Asks for a DPoP nonce (RFC 9449 section 8).</summary>
    /// <param name="nonce">The nonce to use next time.</param>
    public static AuthorityFault UseDPoPNonce(string nonce = "a-nonce-of-the-authority") => new("use_dpop_nonce", exchange =>
    {
        exchange.Response.Headers["DPoP-Nonce"] = nonce;
        return exchange.AnswerAsync(400, "application/json", """{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof"}""");
    });

    /// <summary>A page instead of JSON, as proxies and portals of hotels answer.</summary>
    /// <param name="status">200 unless set.</param>
    public static AuthorityFault Html(int status = 200) =>
        new("HTML", exchange => exchange.AnswerAsync(status, "text/html; charset=utf-8", "<!doctype html><title>Sign in to the network</title><p>Please accept our terms."));

    /// <summary>Something that is no JSON, called JSON.</summary>
    public static AuthorityFault MalformedJson() => new("malformed JSON", exchange => exchange.AnswerAsync(200, "application/json", "{\"access_token\":"));

    /// <summary>200 and nothing.</summary>
    public static AuthorityFault EmptyBody() => new("empty body", exchange => exchange.AnswerAsync(200, "application/json", ""));

    /// <summary>A JSON object that is too large.</summary>
    /// <param name="bytes">How large; 10 MiB unless set.</param>
    public static AuthorityFault LargeBody(int bytes = TenMegabytes) =>
        new($"{bytes} bytes", exchange => exchange.AnswerAsync(200, "application/json", $$"""{"padding":"{{new string('x', bytes)}}"}"""));

    /// <summary>A body that never ends, a little at a time.</summary>
    public static AuthorityFault EndlessBody() => new("endless body", async exchange =>
    {
        exchange.Response.StatusCode = 200;
        exchange.Response.ContentType = "application/json";
        var chunk = Encoding.ASCII.GetBytes("{\"padding\":\"" + new string('x', 16 * 1024));
        while (!exchange.Ended.IsCancellationRequested) await exchange.WriteAsync(chunk).ConfigureAwait(false);
    });

    /// <summary>A redirect, which no endpoint for programs answers.</summary>
    /// <param name="location">Where it leads.</param>
    /// <param name="status">302 unless set; 307 repeats the request with its secrets.</param>
    public static AuthorityFault Redirect(string location = "https://elsewhere.example/", int status = 302) => new("redirect", exchange =>
    {
        exchange.Response.Headers.Location = location;
        return exchange.AnswerAsync(status, null, "");
    });

    /// <summary>The right answer, late.</summary>
    /// <param name="delay">How late, by the authority's clock: it comes when the test has advanced so far.</param>
    public static AuthorityFault Slow(TimeSpan delay) => new($"{delay.TotalSeconds:g} s late", async exchange =>
    {
        await exchange.DelayAsync(delay).ConfigureAwait(false);
        if (!exchange.IsCut) await exchange.ContinueAsync().ConfigureAwait(false);
    });

    /// <summary>No answer at all, until the caller goes away.</summary>
    public static AuthorityFault Hang() => new("hang", exchange => exchange.DelayAsync(Timeout.InfiniteTimeSpan));

    /// <summary>The connection is cut before the request is looked at.</summary>
    public static AuthorityFault Disconnect() => new("disconnect", exchange => exchange.CutAsync());

    /// <summary>The request is carried out and its answer lost: what was issued or used up stays so.</summary>
    public static AuthorityFault LostAnswer() => new("lost answer", async exchange =>
    {
        await exchange.ContinueAsync().ConfigureAwait(false);
        await exchange.CutAsync().ConfigureAwait(false);
    });

    /// <summary>The right answer with other content.</summary>
    /// <param name="change">Changes the JSON.</param>
    public static AuthorityFault Changed(Action<JsonObject> change) => new("changed", async exchange =>
    {
        await exchange.ContinueAsync().ConfigureAwait(false);
        exchange.ChangeJson(change);
    });

    /// <summary>The right answer without a refresh token: the old one stays good where the server rotates none (RFC 6749 section 6).</summary>
    public static AuthorityFault NoRefreshToken() => Without("refresh_token");

    /// <summary>The right answer without a member.</summary>
    /// <param name="member">Such as <c>expires_in</c>.</param>
    public static AuthorityFault Without(string member) => Changed(json => json.Remove(member));

    /// <summary>What goes wrong.</summary>
    public override string ToString() => _name;

    private static AuthorityFault WithRetryAfter(int status, TimeSpan? retryAfter) => new($"status {status}", exchange =>
    {
        if (retryAfter is { } wait) exchange.Response.Headers.RetryAfter = ((long)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return exchange.AnswerAsync(status, "application/json", """{"error":"temporarily_unavailable"}""");
    });
}
