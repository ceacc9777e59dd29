using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Tokens;
using Latchkey.Verification;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;

namespace Latchkey.ResourceServer.Introspection;

/// <summary>
/// Asks the provider about tokens (RFC 7662), once for any number of requests that bring the same token at the same time, and remembers its answers
/// for a while. No token is kept, only its hash.
/// </summary>
/// <param name="options">As whom to ask, and how long answers count.</param>
/// <param name="provider">Whom to ask.</param>
/// <param name="audiences">What this API is called in <c>aud</c>.</param>
/// <param name="skew">How far the clocks may differ.</param>
/// <param name="http">Sends the requests.</param>
/// <param name="limits">How long and how much.</param>
/// <param name="clock">The clock.</param>
internal sealed class TokenIntrospection(
    IntrospectionOptions options, Provider provider, IReadOnlyList<string> audiences, TimeSpan skew, HttpClient http, ProviderOptions limits, TimeProvider clock)
{
    /// <summary>An answer of more than this is not remembered, so that the memory of all answers is bounded too.</summary>
    private const int LargestRemembered = 16 * 1024;

    private const string AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

    private readonly RememberedTokens<Answer> _active = new(options.CacheCapacity);
    // Apart, so that a flood of garbage does not drive out the answers about good tokens.
    private readonly RememberedTokens<Answer> _inactive = new(options.CacheCapacity);
    private readonly ConcurrentDictionary<TokenHash, Task<Answer>> _asking = new();
    // An answer is about a token, never megabytes.
    private readonly ProviderOptions _limits = limits with { MaximumDocumentSize = Math.Min(limits.MaximumDocumentSize, 64 * 1024) };

    /// <summary>What the provider says of a token that is active and meant for this API.</summary>
    /// <param name="token">The token.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="isJwt">Whether the token itself said already whom it is for.</param>
    /// <param name="cancellationToken">Ends the waiting, not the asking: others may wait for it too.</param>
    /// <returns>The members of RFC 7662 section 2.2, or why the token does not count.</returns>
    /// <exception cref="ProviderException">The provider can't be asked: the API can't tell, which is not the caller's fault (503).</exception>
    public async ValueTask<Verdict<JsonMembers>> AskAsync(string token, TokenHash hash, bool isJwt, CancellationToken cancellationToken)
    {
        if (Recall(hash) is { } remembered) return Judge(remembered, isJwt);
        if (!_asking.TryGetValue(hash, out var asking))
        {
            if (_asking.Count >= options.MaximumParallel) throw new ProviderException(IntrospectionRefusals.Busy, isTransient: true);
            var mine = new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously);
            asking = _asking.GetOrAdd(hash, mine.Task);
            if (asking == mine.Task) _ = AskProviderAsync(token, hash, mine);
        }

        return Judge(await asking.WaitAsync(cancellationToken).ConfigureAwait(false), isJwt);
    }

    private Answer? Recall(TokenHash hash)
    {
        var now = clock.GetUtcNow();
        if (_active.Find(hash) is { } active)
        {
            if (now < active.Until) return active;
            _active.Remove(hash);
        }

        if (_inactive.Find(hash) is { } inactive)
        {
            if (now < inactive.Until) return inactive;
            _inactive.Remove(hash);
        }

        return null;
    }

    private async Task AskProviderAsync(string token, TokenHash hash, TaskCompletionSource<Answer> result)
    {
        try
        {
            // Whoever came just too late for the last asking finds its answer here.
            var answer = Recall(hash) ?? await AskProviderAsync(token, hash).ConfigureAwait(false);
            _asking.TryRemove(hash, out _);
            result.SetResult(answer);
        }
        catch (Exception exception)
        {
            // Failures are not remembered: the next request asks again.
            _asking.TryRemove(hash, out _);
            // Whatever a handler of the application throws, such as an open circuit: the API can't tell, which is no fault of its own.
            result.SetException(exception as ProviderException ?? new ProviderException(IntrospectionRefusals.Unasked(exception), isTransient: true, exception));
            // It may be that nobody waits any more.
            _ = result.Task.Exception;
        }
    }

    private async Task<Answer> AskProviderAsync(string token, TokenHash hash)
    {
        var sent = await SendAsync(token).ConfigureAwait(false);
        if (sent.Status is 401 or 403) throw new ProviderException(IntrospectionRefusals.Unauthorized(sent.Address, sent.Status));
        if (!sent.IsSuccess) throw new ProviderException(IntrospectionRefusals.Failed(sent.Address, sent.Status), sent.Status is >= 500 or 429);
        if (!sent.IsJson || !JsonMembers.TryRead(sent.Body, out var members) || members.Flag("active") is not { } active || (active && !IsWellFormed(members)))
            throw new ProviderException(IntrospectionRefusals.Malformed(sent.Address));

        var now = clock.GetUtcNow();
        var answer = new Answer(active ? members : null, now + (active ? options.CacheLifetime : options.InactiveCacheLifetime));
        if (members.Date(ClaimNames.Expiration) is { } expires && expires < answer.Until.ToUnixTimeSeconds()) answer = answer with { Until = DateTimeOffset.FromUnixTimeSeconds(expires) };
        if (now < answer.Until && sent.Body.Length <= LargestRemembered) (active ? _active : _inactive).Add(hash, answer);
        return answer;
    }

    private async Task<ProviderAnswer> SendAsync(string token)
    {
        var metadata = await provider.MetadataAsync().ConfigureAwait(false);
        if (!Uri.TryCreate(metadata.IntrospectionEndpoint, UriKind.Absolute, out var endpoint)
            || !(endpoint.Scheme == Uri.UriSchemeHttps || (endpoint.Scheme == Uri.UriSchemeHttp && endpoint.IsLoopback)))
            throw new ProviderException(IntrospectionRefusals.NoEndpoint(provider.Issuer));

        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint);
        request.Headers.Accept.ParseAdd("application/json");
        var form = new List<KeyValuePair<string, string>> { new(ParameterNames.Token, token), new(ParameterNames.TokenTypeHint, TokenTypes.AccessToken) };
        if (options.PrivateKey is { } signer)
        {
            form.Add(new(ParameterNames.ClientId, options.ClientId!));
            form.Add(new(ParameterNames.ClientAssertionType, AssertionType));
            form.Add(new(ParameterNames.ClientAssertion, Assertion(signer)));
        }
        else if (options.SecretInBody)
        {
            form.Add(new(ParameterNames.ClientId, options.ClientId!));
            form.Add(new(ParameterNames.ClientSecret, options.ClientSecret!));
        }
        else
        {
            // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
            var pair = $"{Encode(options.ClientId!)}:{Encode(options.ClientSecret!)}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(pair)));
        }

        request.Content = new FormUrlEncodedContent(form);
        return await ProviderHttp.SendAsync(http, request, _limits, clock, CancellationToken.None).ConfigureAwait(false);
    }

    private string Assertion(JwsSigner signer)
    {
        var claims = (options.ClientId, provider.Issuer, Now: clock.GetUtcNow().ToUnixTimeSeconds());
        return JwtWriter.Write(signer, JwtTypes.ClientAuthentication, claims, static (json, claims) =>
        {
            json.WriteString(ClaimNames.Issuer, claims.ClientId);
            json.WriteString(ClaimNames.Subject, claims.ClientId);
            json.WriteString(ClaimNames.Audience, claims.Issuer);
            json.WriteNumber(ClaimNames.IssuedAt, claims.Now);
            json.WriteNumber(ClaimNames.Expiration, claims.Now + 60);
            json.WriteString(ClaimNames.JwtId, RandomNumberGenerator.GetHexString(32, lowercase: true));
        });
    }

    private Verdict<JsonMembers> Judge(Answer answer, bool isJwt)
    {
        if (answer.Members is not { } members) return IntrospectionRefusals.Inactive;
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        var seconds = (long)skew.TotalSeconds;
        if (members.Date(ClaimNames.Expiration) is { } expires && now >= expires + seconds) return IntrospectionRefusals.Expired;
        if (members.Date(ClaimNames.NotBefore) is { } notBefore && now < notBefore - seconds) return IntrospectionRefusals.NotYet;
        // Providers tell about refresh tokens too.
        if (members.Text("token_type") is { } type && !type.Equals(TokenTypes.Bearer, StringComparison.OrdinalIgnoreCase)
            && !type.Equals(TokenTypes.DPoP, StringComparison.OrdinalIgnoreCase)) return IntrospectionRefusals.Kind;
        if (members.Has(ClaimNames.Issuer) && !members.Is(ClaimNames.Issuer, provider.Issuer)) return IntrospectionRefusals.OtherIssuer(provider.Issuer);
        if (members.Texts(ClaimNames.Audience) is not { } audience) return isJwt || options.AllowMissingAudience ? members : IntrospectionRefusals.NoAudience;
        return audience.Any(name => audiences.Any(ours => ResourceIndicator.Same(name, ours))) ? members : IntrospectionRefusals.OtherAudience(audiences[0]);
    }

    /// <summary>Whether every member that is read has the type of RFC 7662 section 2.2: one that has not is not overlooked.</summary>
    private static bool IsWellFormed(JsonMembers answer)
    {
        foreach (var name in (ReadOnlySpan<string>)["token_type", ClaimNames.Issuer, ClaimNames.Subject, ClaimNames.ClientId, ClaimNames.JwtId])
        {
            if (answer.Has(name) && answer.Text(name) is null) return false;
        }

        foreach (var name in (ReadOnlySpan<string>)[ClaimNames.Expiration, ClaimNames.NotBefore, ClaimNames.IssuedAt])
        {
            if (answer.Has(name) && answer.Date(name) is null) return false;
        }

        return !answer.Has(ClaimNames.Audience) || answer.Texts(ClaimNames.Audience) is not null;
    }

    private static string Encode(string text) => Uri.EscapeDataString(text).Replace("%20", "+", StringComparison.Ordinal);

    /// <summary>What the provider said; no members if the token is not active.</summary>
    private sealed record Answer(JsonMembers? Members, DateTimeOffset Until);
}
