namespace Latchkey.Cli;

/// <summary>A setting is missing or wrong: the message is one sentence that names it and the mend. The program ends with exit code 2.</summary>
/// <param name="message">The sentence.</param>
/// <param name="inner">What lay behind it.</param>
internal sealed class SettingException(string message, Exception? inner = null) : Exception(message, inner);
