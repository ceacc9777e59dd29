namespace Latchkey.Verification.DPoP;

/// <summary>
/// Remembers the proofs that were used, so that each is good once (RFC 9449 section 11.1). A seam: several nodes of one API share a store
/// of their own over something that can add atomically, such as <c>SET key value NX EX seconds</c> of Redis or an <c>INSERT</c> under a unique index.
/// An <c>IDistributedCache</c> can't: it reads and then writes, and two requests at once would both get through.
/// </summary>
public interface IReplayStore
{
    /// <summary>
    /// Adds a proof unless it is there already, in one atomic step: of any number of calls at once with the same proof, exactly one gets
    /// <see cref="ReplayAnswer.Added"/>. A store that can't tell throws, or answers <see cref="ReplayAnswer.Full"/>: the proof is refused then.
    /// </summary>
    /// <param name="keyThumbprint">The thumbprint of the proof's key (RFC 7638): 43 characters of base64url.</param>
    /// <param name="proofId">What stands for the proof's <c>jti</c> among those of its key: 43 characters of base64url, whatever the <c>jti</c> was.</param>
    /// <param name="until">Until when the proof must be remembered; no verifier takes it afterwards.</param>
    /// <param name="cancellationToken">The request's.</param>
    ValueTask<ReplayAnswer> AddAsync(string keyThumbprint, string proofId, DateTimeOffset until, CancellationToken cancellationToken);
}

/// <summary>What a replay store says.</summary>
public enum ReplayAnswer
{
    /// <summary>The proof is new, and is remembered from now on.</summary>
    Added,

    /// <summary>The proof was used before.</summary>
    Seen,

    /// <summary>There is no room to remember it, so it can't be taken.</summary>
    Full,

    /// <summary>This key has used as many proofs as one key may within their lifetime.</summary>
    FullForKey,
}
