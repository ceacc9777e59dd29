using Latchkey.Client.Authorization;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;

namespace Latchkey.Client.Native;

/// <summary>Signs a person in to an app on their own device (RFC 8252): by the system's browser, which shares its sign-in and which the app can't look into.</summary>
public static class LatchkeyNative
{
    /// <summary>Opens the browser, waits until the person has signed in, and redeems the code; PKCE, state, nonce and issuer are checked.</summary>
    /// <param name="client">A client that is registered as native, without a secret.</param>
    /// <param name="signIn">How; the defaults if null.</param>
    /// <param name="cancellationToken">Ends the wait, for example when the person presses Cancel.</param>
    /// <returns>The tokens. Keep the refresh token in the platform's protected storage (Keychain, Keystore, DPAPI, Secret Service).</returns>
    /// <exception cref="OAuthException">The person or the provider said no, a check failed, or nobody came in time.</exception>
    /// <exception cref="Verification.Providers.ProviderException">The provider can't be reached.</exception>
    public static async Task<TokenSet> SignInAsync(LatchkeyClient client, NativeSignIn? signIn = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(client);
        signIn ??= new();
        using var timeout = new CancellationTokenSource(signIn.Timeout, client.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            return await (signIn.Authenticate is null ? ByLoopbackAsync(client, signIn, either.Token) : ByPlatformAsync(client, signIn, either.Token)).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new OAuthException(NativeRefusals.TimedOut(signIn.Timeout));
        }
    }

    /// <summary>
    /// Opens an address in the system's browser: that of the variable BROWSER, else <c>xdg-open</c>, <c>open</c> or Windows' own way; never by a shell.
    /// </summary>
    /// <param name="address">An https address, or http on loopback; anything else may start a program and is refused.</param>
    /// <param name="cancellationToken">Ends the wait for a browser that does not start.</param>
    /// <exception cref="OAuthException">The address is refused, or there is no browser.</exception>
    public static Task OpenBrowserAsync(Uri address, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        return SystemBrowser.OpenAsync(address, cancellationToken);
    }

    private static async Task<TokenSet> ByLoopbackAsync(LatchkeyClient client, NativeSignIn signIn, CancellationToken cancellation)
    {
        // Listening before the browser opens, and no longer than it takes (RFC 8252 section 8.3).
        using var listener = new LoopbackListener(signIn.LoopbackPath, signIn.UseIPv6, client.Clock);
        var start = await client.StartAuthorizationAsync(signIn.Parameters with { RedirectUri = listener.RedirectUri, ResponseMode = Mode(client) }, cancellation).ConfigureAwait(false);
        await (signIn.OpenBrowser ?? OpenBrowserAsync)(BrowserAddress.Checked(start.Url), cancellation).ConfigureAwait(false);

        using var arrival = await listener.WaitAsync(callback => IsAnswer(client, start.Transaction, callback), cancellation).ConfigureAwait(false);
        listener.Dispose();
        try
        {
            var tokens = await client.CompleteAuthorizationAsync(start.Transaction, arrival.Parameters, cancellationToken: cancellation).ConfigureAwait(false);
            // The page says what is true: it is answered once the code has been redeemed.
            await arrival.AnswerAsync(SignInPage.Done, cancellation).ConfigureAwait(false);
            return tokens;
        }
        catch (Exception exception) when (exception is OAuthException or Verification.Providers.ProviderException)
        {
            await arrival.AnswerAsync(SignInPage.Failed, cancellation).ConfigureAwait(false);
            throw;
        }
    }

    private static async Task<TokenSet> ByPlatformAsync(LatchkeyClient client, NativeSignIn signIn, CancellationToken cancellation)
    {
        var start = await client.StartAuthorizationAsync(signIn.Parameters, cancellation).ConfigureAwait(false);
        var redirect = new Uri(start.Transaction.RedirectUri);
        var callback = await signIn.Authenticate!(BrowserAddress.Checked(start.Url), redirect, cancellation).ConfigureAwait(false);
        if (callback is null || !IsAt(callback, redirect)) throw new OAuthException(NativeRefusals.OtherAddress());
        return await client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(callback.Query), cancellationToken: cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Whether this is the answer that is waited for. Other programs and pages can reach the listener as well; what is not the answer must not end the wait.
    /// Nothing is believed yet: all checks come later.
    /// </summary>
    private static bool IsAnswer(LatchkeyClient client, AuthorizationTransaction transaction, Parameters callback) =>
        (Mode(client) is null ? callback[ParameterNames.State] : CallbackState.OfSigned(callback[ParameterNames.Response])) is { } state
        && FixedTime.Equal(state, transaction.State);

    // A form would need more of a web server than this is; the signed answer comes by query as well.
    private static string? Mode(LatchkeyClient client) => client.Options.ResponseMode is "jwt" or "query.jwt" or "form_post.jwt" ? "query.jwt" : null;

    private static bool IsAt(Uri callback, Uri redirect) =>
        callback.IsAbsoluteUri && callback.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
            == redirect.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
}
