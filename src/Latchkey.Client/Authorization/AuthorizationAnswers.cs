using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Latchkey.Client.Endpoints;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Authorization;

/// <summary>Judges what came to the redirect URI. The order of the steps is the point: nothing of an answer is believed before it is ours.</summary>
internal sealed class AuthorizationAnswers(EndpointCaller caller, TokenRequests tokens)
{
    // More sign-ins at once than one process sees; beyond that the oldest give way.
    private const int MaximumRemembered = 100_000;

    private readonly ConcurrentDictionary<string, DateTimeOffset> _used = new(StringComparer.Ordinal);
    private readonly SignedAnswers _signed = new(caller);

    public async Task<TokenSet> CompleteAsync(AuthorizationTransaction transaction, Parameters callback, string? sessionBinding, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        ArgumentNullException.ThrowIfNull(callback);

        // 1. The transaction is this client's, this browser's, and not over.
        CheckTransaction(transaction, sessionBinding);

        // 2. Each parameter came once.
        if (callback.Malformed is not null) throw new OAuthException(ClientRefusals.MalformedCallback(callback.Malformed));
        if (callback.Repeated is not null) throw new OAuthException(ClientRefusals.RepeatedParameter());

        // 3. A signed answer is opened; only what was signed counts from here on.
        var answer = await _signed.OpenAsync(transaction, callback, cancellationToken).ConfigureAwait(false);

        // 4. It answers this sign-in.
        var state = answer(ParameterNames.State) ?? throw new OAuthException(ClientRefusals.StateMissing());
        if (!FixedTime.Equal(state, transaction.State)) throw new OAuthException(ClientRefusals.StateMismatch());

        // 5. This is the one time that the transaction is good for.
        if (!Use(transaction)) throw new OAuthException(ClientRefusals.TransactionUsed());

        // 6. It is from the provider that was asked.
        await CheckIssuerAsync(answer(ParameterNames.Issuer), transaction, cancellationToken).ConfigureAwait(false);

        // 7. Now an error is the provider's word.
        if (answer(ParameterNames.Error) is { } error) throw Error(error, answer);

        // 8. The code, once.
        var code = answer(ParameterNames.Code) ?? throw new OAuthException(ClientRefusals.CodeMissing());
        return await tokens.RedeemAsync(transaction, code, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What of a browser session a transaction keeps.</summary>
    public static string SessionHash(string sessionBinding) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sessionBinding)));

    private void CheckTransaction(AuthorizationTransaction transaction, string? sessionBinding)
    {
        if (transaction.Issuer != caller.Options.Issuer) throw new OAuthException(ClientRefusals.TransactionOfOther("issuer"));
        if (transaction.ClientId != caller.Options.ClientId) throw new OAuthException(ClientRefusals.TransactionOfOther("client_id"));
        if (caller.Clock.GetUtcNow() >= transaction.ExpiresAt) throw new OAuthException(ClientRefusals.TransactionExpired());
        if (transaction.SessionHash is { } expected && (sessionBinding is null || !FixedTime.Equal(SessionHash(sessionBinding), expected)))
            throw new OAuthException(ClientRefusals.TransactionElsewhere());
    }

    // Compared as the strings they are (RFC 9207 section 2.4): an issuer that is nearly right is another one.
    private async ValueTask CheckIssuerAsync(string? issuer, AuthorizationTransaction transaction, CancellationToken cancellationToken)
    {
        if (issuer is not null)
        {
            if (!string.Equals(issuer, transaction.Issuer, StringComparison.Ordinal)) throw new OAuthException(ClientRefusals.IssuerMismatch(transaction.Issuer));
            return;
        }

        var metadata = await caller.Provider.MetadataAsync(cancellationToken).ConfigureAwait(false);
        if (metadata.AuthorizationResponseIssParameterSupported == true) throw new OAuthException(ClientRefusals.IssuerMissing(transaction.Issuer));
    }

    // Whoever keeps transactions deletes them on the callback; this holds for a copy that was kept nonetheless, such as a cookie sent again.
    private bool Use(AuthorizationTransaction transaction)
    {
        var now = caller.Clock.GetUtcNow();
        if (_used.Count >= MaximumRemembered)
        {
            foreach (var (state, end) in _used)
            {
                if (end <= now) _used.TryRemove(state, out _);
            }

            if (_used.Count >= MaximumRemembered) _used.Clear();
        }

        return _used.TryAdd(SessionHash(transaction.State), transaction.ExpiresAt);
    }

    private static OAuthException Error(string error, Func<string, string?> answer) =>
        ErrorText.IsCode(error)
            ? new OAuthException(error, ErrorText.Clean(answer(ParameterNames.ErrorDescription), [])) { ErrorUri = ErrorText.Link(answer("error_uri")) }
            : new OAuthException(ClientRefusals.MalformedCallback("The error of the answer is no error code."));
}
