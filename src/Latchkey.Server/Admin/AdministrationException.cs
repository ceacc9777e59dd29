namespace Latchkey.Server.Admin;

/// <summary>
/// What the operator asked for can't be done as it is: the message is one whole sentence that names the thing and the mend. It never holds a secret.
/// </summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What lay behind it.</param>
public sealed class AdministrationException(string message, Exception? inner = null) : Exception(message, inner);
