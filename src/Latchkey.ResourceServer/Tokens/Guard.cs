using Latchkey.Protocol.Names;
using Latchkey.ResourceServer.Authorization;
using Latchkey.ResourceServer.Diagnostics;
using Latchkey.ResourceServer.DPoP;
using Latchkey.ResourceServer.Introspection;
using Latchkey.ResourceServer.Metadata;
using Latchkey.ResourceServer.TokenStatus;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Http;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>What a token came to: the verified token, or the denial.</summary>
internal readonly record struct Judgement(VerifiedToken? Token, Denial? Denial)
{
    public static implicit operator Judgement(VerifiedToken token) => new(token, null);

    public static implicit operator Judgement(Denial denial) => new(null, denial);
}

/// <summary>
/// Judges the access token of a request, top to bottom. One for each scheme; it holds the issuers' keys and the tokens that were verified lately.
/// </summary>
internal sealed class Guard
{
    private readonly ResourceServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly Provider[] _providers;
    private readonly JwtRules _rules;
    private readonly RememberedTokens<VerifiedToken> _remembered;
    private readonly SeenTokens _seen;
    private readonly Binding _binding;
    private readonly TokenIntrospection? _introspection;
    private readonly StatusLists? _statusLists;

    public Guard(ResourceServerOptions options)
    {
        _options = options;
        _clock = options.TimeProvider ?? TimeProvider.System;
        var http = new HttpClient(options.BackchannelHttpHandler ?? ProviderHttp.CreateHandler(), disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };
        _providers = [.. options.AllIssuers.Select(issuer => new Provider(issuer, http, _clock, options.Provider))];
        _rules = new()
        {
            Types = [.. options.TokenTypes],
            Algorithms = [.. options.Algorithms],
            Audiences = [options.Resource!, .. options.Audiences],
            RequiredClaims = [.. options.RequiredClaims],
            RequireIssuedAt = true,
            Skew = options.Skew,
            MaximumLength = options.MaximumTokenLength,
        };
        _remembered = new(options.RememberedTokens);
        _seen = new(options.RememberedTokens);
        Addresses = [.. options.Addresses.Count > 0 ? options.Addresses.Select(address => address.TrimEnd('/')) : Origin(options.Resource!)];
        Metadata = new(options, Addresses);
        Hierarchy = new(options.ImpliedScopes);
        Proofs = new(options.DPoP, Addresses, _clock);
        _binding = new(options, Proofs);
        if (options.Introspection.Mode != IntrospectionMode.Off)
            _introspection = new(options.Introspection, _providers[0], _rules.Audiences, options.Skew, http, options.Provider, _clock);
        if (options.StatusLists.Enabled) _statusLists = new(options.StatusLists, _rules.Algorithms, options.Skew, http, options.Provider, _clock);
        Schemes = options.DPoP.Required ? [TokenTypes.DPoP] : Addresses.Count > 0 ? [TokenTypes.Bearer, TokenTypes.DPoP] : [TokenTypes.Bearer];
    }

    /// <summary>The clock by which tokens are judged.</summary>
    public TimeProvider Clock => _clock;

    /// <summary>The schemes that are offered in challenges, the first one first.</summary>
    public IReadOnlyList<string> Schemes { get; }

    /// <summary>Judges DPoP proofs.</summary>
    public DPoPProofs Proofs { get; }

    /// <summary>Which scopes imply others here.</summary>
    public ScopeHierarchy Hierarchy { get; }

    /// <summary>What the API says of itself.</summary>
    public ProtectedResourceMetadata Metadata { get; }

    /// <summary>Where clients reach this API, without a slash at the end; empty where that is not known, for a resource that is no URL.</summary>
    public IReadOnlyList<string> Addresses { get; }

    /// <summary>Judges the token of a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="sent">The token and its scheme.</param>
    public async ValueTask<Judgement> JudgeAsync(HttpContext context, Credentials sent)
    {
        var hash = TokenHash.Of(sent.Text.Span);

        // 1. A token that was verified before: time, key and issuer may have changed since, its content and signature have not.
        var token = Recall(hash, sent.Scheme, out var denial);
        if (denial is not null) return denial;

        // 2. A new one: a JWT of one of our issuers, or an opaque one that its issuer is asked about.
        var remembered = token is not null;
        if (token is null)
        {
            (token, denial) = await VerifyAsync(sent, hash, context.RequestAborted).ConfigureAwait(false);
            if (denial is not null) return denial;
            // Most tokens of many clients come once: only what comes again is worth the memory.
            if (token!.Key is not null && _seen.HasSeen(hash)) _remembered.Add(hash, token.Keep());
        }

        // 3. Revoked in the meantime?
        if (_options.IsRevoked is { } isRevoked && await isRevoked(token.Claims, context.RequestAborted).ConfigureAwait(false))
            return Denials.Revoked(sent.Scheme);
        if (token.Status is { } status && _statusLists is not null)
        {
            var judged = _statusLists.JudgeAsync(token, status, sent.Scheme, context.RequestAborted);
            if ((judged.IsCompletedSuccessfully ? judged.Result : await judged.ConfigureAwait(false)) is { } revoked) return revoked;
        }

        if (token.Key is not null && _options.Introspection.Mode == IntrospectionMode.AllTokens)
        {
            var asked = await AskIssuerAsync(sent, hash, isJwt: true, context.RequestAborted).ConfigureAwait(false);
            if (asked.Denial is not null) return asked;
        }

        // 4. Bound to a key or certificate (cnf)? Then this request must prove its possession, and the scheme must be the binding's.
        var binding = _binding.JudgeAsync(context, token, sent);
        if ((binding.IsCompletedSuccessfully ? binding.Result : await binding.ConfigureAwait(false)) is { } unbound) return unbound;

        GuardTelemetry.Accepted(_options.Resource!, remembered);
        return token;
    }

    private static string[] Origin(string resource) =>
        Uri.TryCreate(resource, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? [uri.GetLeftPart(UriPartial.Authority)] : [];

    /// <summary>A JWS has two dots; a JWE, which has four, is refused as one by its reader. Anything else is opaque.</summary>
    private static bool IsJwt(ReadOnlySpan<char> token) => token.Count('.') is 2 or 4;

    private VerifiedToken? Recall(TokenHash hash, string scheme, out Denial? denial)
    {
        denial = null;
        if (_remembered.Find(hash) is not { } token) return null;
        if (JwtVerifier.JudgeTime(token.Claims.Members, _rules, _clock.GetUtcNow().ToUnixTimeSeconds()) is { } refusal)
        {
            _remembered.Remove(hash);
            denial = Denial.InvalidToken(refusal, scheme);
            return null;
        }

        // A key that its issuer has taken back verifies nothing any more: the token is judged anew.
        if (token.Provider.Keys.Holds(token.Key!)) return token;
        _remembered.Remove(hash);
        return null;
    }

    private async ValueTask<Judgement> VerifyAsync(Credentials sent, TokenHash hash, CancellationToken cancellationToken)
    {
        using var activity = GuardTelemetry.Activities.StartActivity("verify access token");
        var start = _clock.GetTimestamp();
        var judged = IsJwt(sent.Text.Span) ? await VerifyJwtAsync(sent, cancellationToken).ConfigureAwait(false)
            : _introspection is not null ? await AskIssuerAsync(sent, hash, isJwt: false, cancellationToken).ConfigureAwait(false)
            : Denials.Opaque(sent.Scheme);
        activity?.SetTag("latchkey.issuer", judged.Token?.Provider.Issuer).SetTag("latchkey.refusal", judged.Denial?.Refusal.Code);
        GuardTelemetry.Took(_options.Resource!, _clock.GetElapsedTime(start));
        return judged;
    }

    private async ValueTask<Judgement> VerifyJwtAsync(Credentials sent, CancellationToken cancellationToken)
    {
        // a. The issuer is one of ours, as a string; its keys and no others count.
        if (!Jws.Read(sent.Text, _rules.MaximumLength).Succeeded(out var jws, out var refusal)) return Denial.InvalidToken(refusal, sent.Scheme);
        var provider = ProviderOf(jws);
        if (provider is null) return Denials.OtherIssuer(_options.AllIssuers, sent.Scheme);

        // b. Type, algorithm, audience, time, claims, key and signature.
        try
        {
            var verdict = await JwtVerifier.VerifyAsync(jws, provider, _rules, _clock, cancellationToken).ConfigureAwait(false);
            if (!verdict.Succeeded(out var verified, out refusal)) return Denial.InvalidToken(refusal, sent.Scheme);
            return new VerifiedToken(provider, verified.Key!, verified.Claims);
        }
        catch (ProviderException exception)
        {
            return Denial.Unavailable(exception);
        }
    }

    private async ValueTask<Judgement> AskIssuerAsync(Credentials sent, TokenHash hash, bool isJwt, CancellationToken cancellationToken)
    {
        if (sent.Text.Length > _rules.MaximumLength) return Denial.InvalidToken(IntrospectionRefusals.TooLong(_rules.MaximumLength), sent.Scheme);
        try
        {
            var verdict = await _introspection!.AskAsync(sent.Token, hash, isJwt, cancellationToken).ConfigureAwait(false);
            return verdict.Succeeded(out var members, out var refusal) ? new VerifiedToken(_providers[0], members) : Denial.InvalidToken(refusal, sent.Scheme);
        }
        catch (ProviderException exception)
        {
            return Denial.Unavailable(exception);
        }
    }

    private Provider? ProviderOf(Jws jws)
    {
        foreach (var provider in _providers)
        {
            if (jws.Claims.Is(ClaimNames.Issuer, provider.Issuer)) return provider;
        }

        // With one issuer the verifier says what was expected.
        return _providers.Length == 1 ? _providers[0] : null;
    }
}
