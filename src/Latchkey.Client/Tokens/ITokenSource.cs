namespace Latchkey.Client.Tokens;

/// <summary>
/// Where an access token comes from, so that whoever needs one neither asks the provider nor keeps it: a cache of machine tokens, the tokens of a
/// signed-in person, or what a test puts in its place. Safe to call from many threads.
/// </summary>
public interface ITokenSource
{
    /// <summary>A token that is good now and for a little while; from memory where there is one.</summary>
    /// <param name="cancellationToken">Ends this caller's wait only: a request for the token that others wait for as well goes on.</param>
    /// <exception cref="TokenUnavailableException">There is none and none can be had; it carries the OAuth error code.</exception>
    ValueTask<AccessToken> GetAsync(CancellationToken cancellationToken = default);

    /// <summary>A token in the place of one that an API refused with 401.</summary>
    /// <param name="refused">
    /// The token that was refused. If it is no longer the one that is kept, somebody else has renewed it and theirs is the answer.
    /// </param>
    /// <param name="cancellationToken">Ends this caller's wait only.</param>
    /// <returns>
    /// Another token; or <paramref name="refused"/> itself where renewing would not help, because a renewed token was refused only just before.
    /// Asking the API again is then in vain.
    /// </returns>
    /// <exception cref="TokenUnavailableException">None can be had; it carries the OAuth error code.</exception>
    ValueTask<AccessToken> RenewAsync(AccessToken refused, CancellationToken cancellationToken = default);
}
